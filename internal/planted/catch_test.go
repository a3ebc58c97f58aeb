//go:build planted

package planted_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// recorder stands in for a test, so that its failures can be looked at.
type recorder struct {
	testing.TB
	cleanups []func()
	errors   []string
	logs     []string
}

func (r *recorder) Helper()          {}
func (r *recorder) Skipped() bool    { return false }
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) finish()          { r.cleanups[0]() }
func (r *recorder) Errorf(f string, a ...any) {
	r.errors = append(r.errors, fmt.Sprintf(f, a...))
}
func (r *recorder) Logf(f string, a ...any) { r.logs = append(r.logs, fmt.Sprintf(f, a...)) }

func TestPlantedWithSwitchesOnUntilTheEnd(t *testing.T) {
	r := &recorder{TB: t}
	planted.With(r, planted.WrongEnd)
	if !planted.On(planted.WrongEnd) || planted.On(planted.ClockBehind) {
		t.Error("With must switch on its bug, and that bug only")
	}
	planted.Caught(r, planted.WrongEnd, "the recorder")
	r.finish()
	if planted.On(planted.WrongEnd) {
		t.Error("the bug is on after its test")
	}
	if len(r.errors) > 0 {
		t.Errorf("unexpected errors: %q", r.errors)
	}
	if len(r.logs) != 1 || r.logs[0] != "planted bug WrongEnd: caught by the recorder" {
		t.Errorf("logs: %q", r.logs)
	}
}

func TestPlantedUncaughtFails(t *testing.T) {
	// A catch in an earlier test does not count for a later one.
	for range 2 {
		r := &recorder{TB: t}
		planted.With(r, planted.WrongEnd)
		r.finish()
		if len(r.errors) != 1 || !strings.Contains(r.errors[0], "nothing caught it") {
			t.Errorf("errors: %q", r.errors)
		}
		r = &recorder{TB: t}
		planted.With(r, planted.WrongEnd)
		planted.Caught(r, planted.WrongEnd, "the recorder")
		r.finish()
	}
}

func TestPlantedCaughtWhileOffFails(t *testing.T) {
	r := &recorder{TB: t}
	planted.Caught(r, planted.WrongEnd, "nobody")
	if len(r.errors) != 1 {
		t.Errorf("errors: %q", r.errors)
	}
}

func TestPlantedOneBugAtATime(t *testing.T) {
	planted.Set(planted.NoStability, true)
	defer planted.Set(planted.NoStability, false)
	defer func() {
		if recover() == nil {
			t.Error("a second bug was switched on beside the first")
		}
	}()
	planted.With(&recorder{TB: t}, planted.WrongEnd)
}
