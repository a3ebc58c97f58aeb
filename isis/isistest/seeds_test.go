package isistest_test

import (
	"flag"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/seed-8247e700/dsm/internal/underrace"
)

var (
	seeds = flag.Uint64("seeds", uint64(underrace.Rounds(3000)), "number of schedules to run for each delivery level")
	from  = flag.Uint64("from", 1, "first seed")
	seed  = flag.Uint64("seed", 0, "run this one schedule, and print what happens in it")
)

// TestSafe and TestAgreed run random schedules. A failure names its seed:
//
//	go test ./isis/isistest -run TestSafe -seed N
func TestSafe(t *testing.T) { runSeeds(t, options{}) }

func TestAgreed(t *testing.T) { runSeeds(t, options{Agreed: true}) }

func runSeeds(t *testing.T, o options) {
	if *seed != 0 {
		o.Trace = func(line string) { fmt.Println(line) }
		if r := run(*seed, o); r.Violation != "" {
			t.Errorf("seed %d: %s", *seed, r.Violation)
		}
		return
	}
	total := map[string]int{}
	failures := 0
	for s := *from; s < *from+*seeds; s++ {
		r := run(s, o)
		for name, n := range r.Counts {
			total[name] += n
		}
		if r.Violation != "" {
			t.Errorf("seed %d: %s\nto see it: go test ./isis/isistest -run %s -seed %d", s, r.Violation, t.Name(), s)
			if failures++; failures == 3 {
				break
			}
		}
	}
	t.Log(total)
	if *seeds < 1000 || t.Failed() {
		return
	}
	for _, name := range []string{
		"crashes", "exclusions of the living", "joins", "states loaded", "leaves", "restarts of the registry",
		"links that began anew", "payloads fetched",
	} {
		if total[name] == 0 {
			t.Errorf("the schedules had no %s", name)
		}
	}
}

// TestReplay holds that a seed decides everything.
func TestReplay(t *testing.T) {
	for s := uint64(1); s <= 20; s++ {
		var first, second []string
		a := run(s, options{Trace: func(line string) { first = append(first, line) }})
		b := run(s, options{Trace: func(line string) { second = append(second, line) }})
		if !reflect.DeepEqual(a, b) || !slices.Equal(first, second) {
			t.Fatalf("seed %d: two runs differ", s)
		}
	}
}
