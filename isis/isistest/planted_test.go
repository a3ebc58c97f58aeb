//go:build planted

package isistest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// maxSeeds bounds the search for a schedule that shows a bug. Each is found
// within a few hundred.
const maxSeeds = 20_000

// TestPlanted switches on each bug of the protocol core, and runs schedules
// until one violates a guarantee. The same schedule without the bug must not.
func TestPlanted(t *testing.T) {
	for _, bug := range []planted.Bug{
		planted.WrongEnd, planted.ClockBehind, planted.MaximumRule, planted.UnfinishedUnordered, planted.FutureDropped,
		planted.NoStability, planted.WedgeWithoutBase, planted.AckAcrossGap,
		planted.AckBeforeStable, planted.FlushWithoutFinals, planted.FlushStateMoves, planted.CutReused,
		planted.JoinerAcksBlind, planted.NoIncarnation, planted.TieDiffers, planted.StableTooSoon,
		planted.PayloadOfNobody,
	} {
		t.Run(bug.String(), func(t *testing.T) {
			found := search(t, bug)
			if r := run(found, options{}); r.Violation != "" {
				t.Errorf("seed %d without the bug: %s", found, r.Violation)
			}
		})
	}
}

// search returns the first seed that shows the bug.
func search(t *testing.T, bug planted.Bug) uint64 {
	planted.With(t, bug)
	defer planted.Set(bug, false)
	for s := uint64(1); s <= maxSeeds; s++ {
		if r := run(s, options{}); r.Violation != "" {
			why, _, _ := strings.Cut(r.Violation, "\n")
			planted.Caught(t, bug, fmt.Sprintf("the simulation, with seed %d: %s", s, why))
			return s
		}
	}
	t.Fatalf("no schedule of %d violated a guarantee", maxSeeds)
	return 0
}
