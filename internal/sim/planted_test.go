//go:build planted

package sim_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/sim"
)

// maxSeeds bounds the search for a seed that shows a bug.
const maxSeeds = 20000

// shownBy has seeds that showed the bugs which few seeds show. They are tried
// first, because a search from 1 takes minutes. A change of the simulation may make
// them show something else: then the search finds another.
var shownBy = map[planted.Bug]uint64{
	planted.UpdateRenumbered:   133,
	planted.CutReused:          236,
	planted.AckAcrossGap:       498,
	planted.AttemptFromFailed:  128,
	planted.AttemptNeverGrows:  2018,
	planted.AuditByKeptDigest:  176,
	planted.DonorIgnoresDamage: 272,
	planted.FeedOutlivesLevel:  1586,
	planted.HeldUnjudged:       1433, // a thief has to guess where a session is opened
	planted.HistoryFloorLow:    43,   // as TestPlantedWatches wants it
	planted.LeaseFromAnswer:    239,
	planted.LeaseFromReceipt:   805,
	planted.LeaseIgnored:       8,
	planted.ObeysOtherGroup:    124,
	planted.PositionForgotten:  4471,
	planted.RefusalUnknown:     342,
	planted.ReportsOneWay:      88,
	planted.TimeCountedTwice:   153,
	planted.UnknownForgotten:   196,
	planted.WedgedVouches:      375,
	planted.WokenWithoutLease:  322,
}

// elsewhere are the bugs that no simulation of a group can show, or hardly any, and why.
var elsewhere = map[planted.Bug]string{
	planted.AttemptStands:     "a search of thousands of seeds found none that has a link die in an attempt of a group at its minimum size; registry/membership has one",
	planted.BarrierShared:     "fewer than one seed in ten thousand shows it; internal/member takes it apart",
	planted.FutureDropped:     "one seed in ten thousand shows it, where a member needs what came before its view; the schedules of isis/isistest show it at once",
	planted.SlowIsSilent:      "the messages here are too small for ports as narrow as these; package crowd has large ones",
	planted.PayloadsForgotten: "they are fetched again, which only takes longer; isis counts what is asked for",
	planted.GreetingUnjudged:  "nobody here pretends to be a member; internal/link and server do",
	planted.ProofAtOnce:       "no process here has a copy of another's directory; the model of registry/membership starts some",
	planted.ReadMissInstalls:  "the clients of the simulation keep no copies",
	planted.WedgeWithoutBase:  "a directive names each view before the attempt that is based on it; isis/isistest takes them apart",
	planted.WedgeLost:         "a heartbeat's answer has the attempt too, so that it only takes longer; registry/keeper looks at what is pushed",
	planted.TornPositionTaken: "the changes of a position come in one frame here; internal/session breaks connections between them",
	planted.LeavesUnsafely:    "it takes a loss at the moment of a leave, with agreed delivery; internal/member arranges one",
}

// blind are the checks of dsmbench that find nothing here, and why.
var blind = map[string]string{
	"strong reads": "in one seed of thousands a replica goes so wrong that its strong reads do; internal/check has strong reads made stale, each in its own way",
	"freshness":    "here a read may lag for long while attempts at a view fail; leases are judged in true time (chain.go), and bench's planted tests show it a lease that is ignored",
}

// TestPlanted switches on each bug, and runs seeds until one violates a guarantee.
// The same seed without the bug must not.
func TestPlanted(t *testing.T) {
	shown, finds := 0, make(map[string]int)
	for _, info := range planted.Bugs {
		if elsewhere[info.Bug] != "" {
			continue
		}
		t.Run(info.Name, func(t *testing.T) {
			found := search(t, info.Bug)
			if r := sim.Run(found, sim.Options{}); r.Violation != "" {
				t.Errorf("seed %d without the bug: %s", found, r.Violation)
			}
			checks := alone(info.Bug, found)
			t.Logf("dsmbench's checks alone: %s", cmp.Or(strings.Join(checks, ", "), "none of them"))
			for _, name := range checks {
				finds[name]++
			}
			shown++
		})
	}
	if shown < len(planted.Bugs)-len(elsewhere) {
		return // not all were asked for
	}
	for _, c := range check.New(check.Options{Watches: true}).Finish(0) {
		t.Logf("%s finds %d of %d bugs", c.Name, finds[c.Name], shown)
		if why := blind[c.Name]; (finds[c.Name] == 0) != (why != "") {
			t.Errorf("%s, a check of dsmbench, finds %d of the bugs; blind says %q", c.Name, finds[c.Name], why)
		}
	}
}

// alone returns the checks of dsmbench that find a bug, with the seed that shows it or one
// of the first, where no other check ends the run.
func alone(bug planted.Bug, seed uint64) (checks []string) {
	planted.Set(bug, true)
	defer planted.Set(bug, false)
	for s := range uint64(8) {
		if r := sim.Run(cmp.Or(s, seed), sim.Options{Aside: true}); r.Checks != "" {
			checks = append(checks, strings.Split(r.Checks, "; ")...)
		}
	}
	slices.Sort(checks)
	return slices.Compact(checks)
}

// TestPlantedObeysOtherGroup holds that it takes a registry that has lost its
// directory, and the check of who gives up its state at whose word.
func TestPlantedObeysOtherGroup(t *testing.T) {
	r := sim.Run(search(t, planted.ObeysOtherGroup), sim.Options{})
	if r.Faults[sim.LostRegistry] == 0 {
		t.Errorf("seed %d shows the bug, and its registry is not lost", r.Seed)
	}
}

// TestPlantedStreams holds that the checks of clients find the mistakes of asynchronous
// writes, before anything that follows from them.
func TestPlantedStreams(t *testing.T) {
	for bug, check := range map[planted.Bug]string{planted.StreamUnseen: "session: ", planted.WaitersUncounted: "bound: "} {
		seed := search(t, bug)
		planted.Set(bug, true)
		r := sim.Run(seed, sim.Options{})
		planted.Set(bug, false)
		if !strings.HasPrefix(r.Violation, check) {
			t.Errorf("seed %d with a bug of streams: %s", seed, r.Violation)
		}
	}
}

// TestPlantedWatches holds that the checks of watches and of scans find their mistakes,
// whatever else does.
func TestPlantedWatches(t *testing.T) {
	for bug, check := range map[planted.Bug]string{
		planted.WatchBeginsAgain: "watches", planted.WatchSkips: "watches",
		planted.ScanMoves: "scans", planted.SyncedEarly: "scans", planted.HistoryFloorLow: "scans",
	} {
		seed := search(t, bug)
		if checks := alone(bug, seed); !slices.Contains(checks, check) {
			t.Errorf("seed %d with a bug of %s: found by %v alone", seed, check, checks)
		}
	}
}

// TestPlantedTimes holds that true time shows what is counted twice, and that the checks of
// dsmbench find the other mistakes of TTLs, whatever else does.
func TestPlantedTimes(t *testing.T) {
	for bug, check := range map[planted.Bug]string{
		planted.TimersNotInSnapshot: "scans", planted.TimerOwnClock: "convergence",
		planted.TimerFromCommand: "reads", planted.ExpiryUnseen: "watches",
		planted.PendingExpires: "reads", planted.OwnersForgotten: "watches",
	} {
		seed := search(t, bug)
		if checks := alone(bug, seed); !slices.Contains(checks, check) {
			t.Errorf("seed %d with a bug of %s: found by %v alone", seed, check, checks)
		}
	}
	seed := search(t, planted.TimeCountedTwice)
	planted.Set(planted.TimeCountedTwice, true)
	defer planted.Set(planted.TimeCountedTwice, false)
	if r := sim.Run(seed, sim.Options{}); !strings.HasPrefix(r.Violation, "time: ") {
		t.Errorf("seed %d: %s", seed, r.Violation)
	}
}

// TestPlantedLevelFalls holds that what is found is a command in a view that does not know it.
func TestPlantedLevelFalls(t *testing.T) {
	seed := search(t, planted.LevelFalls)
	planted.Set(planted.LevelFalls, true)
	defer planted.Set(planted.LevelFalls, false)
	if r := sim.Run(seed, sim.Options{}); !strings.Contains(r.Violation, "level") {
		t.Errorf("seed %d: %s", seed, r.Violation)
	}
}

// search returns the first seed that shows the bug.
func search(t *testing.T, bug planted.Bug) uint64 {
	planted.With(t, bug)
	defer planted.Set(bug, false)
	for s := range uint64(maxSeeds) {
		if s == 0 { // which is no seed
			if s = shownBy[bug]; s == 0 {
				continue
			}
		}
		if r := sim.Run(s, sim.Options{}); r.Violation != "" {
			why, _, _ := strings.Cut(r.Violation, "\n")
			planted.Caught(t, bug, fmt.Sprintf("the simulation of groups, with seed %d: %s", s, why))
			return s
		}
	}
	t.Fatalf("no seed of %d violated a guarantee", maxSeeds)
	return 0
}
