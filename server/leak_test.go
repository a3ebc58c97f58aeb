package server

import (
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/leak"
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
	if _, again := checked.LoadOrStore(t, true); again {
		return // what the test began before is looked at last
	}
	t.Cleanup(func() {
		checked.Delete(t)
		if left := leak.Left(patience); left != "" {
			t.Errorf("goroutines outlive the test:\n%s", left)
		}
	})
}

// checked has the tests at whose end leaks are looked for.
var checked sync.Map
