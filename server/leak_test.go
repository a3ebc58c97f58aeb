package server

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. No healthy run needs
// more than a small part of it, however slow the machine.
const patience = 60 * time.Second

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// checkLeaks fails the test if goroutines of the project outlive it. It is to be
// called before anything is started.
func checkLeaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		deadline := time.After(patience)
		again := time.NewTicker(2 * time.Millisecond)
		defer again.Stop()
		for {
			left := running()
			if left == "" {
				return
			}
			select {
			case <-again.C:
			case <-deadline:
				t.Errorf("goroutines outlive the test:\n%s", left)
				return
			}
		}
	})
}

// running returns the stacks of the project's goroutines but those of tests.
func running() string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for _, stack := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(stack, "/dsm/") && !strings.Contains(stack, "testing.tRunner") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}
