package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// The context ends after one time without progress, in which printing does not count.
func TestStalling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		command := target{timeout: 5 * time.Second}
		ctx, stall, stop := command.stalling(t.Context())
		defer stop()
		begun := time.Now()
		for range 3 {
			time.Sleep(4 * time.Second) //nolint:forbidigo // in a bubble
			if err := stall.progress(func() error {
				time.Sleep(time.Minute) //nolint:forbidigo // in a bubble
				return ctx.Err()
			}); err != nil {
				t.Fatalf("%v after %v", err, time.Since(begun))
			}
		}
		printed := time.Now()
		<-ctx.Done()
		if waited := time.Since(printed); waited != 5*time.Second {
			t.Errorf("it waits for %v", waited)
		}
	})
}

// A handle does not give such a context its own timeout, which is shorter.
func TestStallingHasADeadline(t *testing.T) {
	command := target{timeout: time.Hour}
	ctx, _, stop := command.stalling(t.Context())
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) < 24*time.Hour {
		t.Errorf("the deadline is %v, %v", deadline, ok)
	}
	if stop(); ctx.Err() == nil {
		t.Error("it goes on after the end")
	}
}
