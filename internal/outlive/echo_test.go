package outlive_test

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/outlive"
)

// One signal that is sent twice is one, and two are two.
func TestEchoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 8)
		passed := outlive.WithoutEchoes(signals)
		for _, s := range []struct {
			sig   os.Signal
			after time.Duration
		}{
			{syscall.SIGTERM, 0}, {syscall.SIGTERM, 0}, {syscall.SIGTERM, outlive.EchoTime - 1}, // one
			{syscall.SIGTERM, 1},                     // somebody is in a hurry
			{os.Interrupt, 0},                        // and uses all there is
			{syscall.SIGTERM, 0},                     //
			{syscall.SIGTERM, 10 * time.Millisecond}, // again one
			{syscall.SIGTERM, 2 * outlive.EchoTime},  // a second
		} {
			<-time.After(s.after)
			signals <- s.sig
			synctest.Wait()
		}
		close(signals)
		var got []os.Signal
		for sig := range passed {
			got = append(got, sig)
		}
		want := []os.Signal{syscall.SIGTERM, syscall.SIGTERM, os.Interrupt, syscall.SIGTERM, syscall.SIGTERM}
		if !slices.Equal(got, want) {
			t.Errorf("passed %v, want %v", got, want)
		}
	})
}
