package sim_test

import (
	_ "embed"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim"
)

var (
	seeds = flag.Uint64("seeds", sim.DefaultSeeds, "number of seeds to run")
	from  = flag.Uint64("from", 1, "first seed")
	seed  = flag.Uint64("seed", 0, "run this seed alone, and print what happens")
	span  = flag.Duration("time", 0, "run seeds on all cores for so long, instead of a number of them")
)

// TestSeeds runs groups, one for each seed. A failure names its seed:
//
//	go test ./internal/sim -run TestSeeds -v -seed N
func TestSeeds(t *testing.T) {
	if *seed != 0 {
		replay(t, *seed)
		return
	}
	begun := time.Now()
	total, n := runMany(t)
	t.Log("\n" + sim.Report(&total, n, time.Since(begun), workers()))
	if n < enoughSeeds || t.Failed() {
		return
	}
	for _, missing := range sim.Missing(&total) {
		t.Errorf("%d seeds, and no %s", n, missing)
	}
}

// replay runs one seed and prints all that happens.
func replay(t *testing.T, seed uint64) {
	r := sim.Run(seed, sim.Options{Trace: func(line string) { fmt.Println(line) }})
	if r.Violation != "" {
		t.Fatalf("seed %d: FAIL: %s", seed, r.Violation)
	}
	fmt.Printf("seed %d: PASS\n", seed)
}

// failedSeeds are those that violated a guarantee once, each with its reason.
//
//go:embed testdata/failed_seeds.txt
var failedSeeds string

// TestFailedSeeds runs them again. Since a change of the simulation changes
// what a seed does, most of them show something else today: the list costs
// little, and a mistake that returns by the same way is found at once.
func TestFailedSeeds(t *testing.T) {
	for line := range strings.Lines(failedSeeds) {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.Fields(line) {
			s, err := strconv.ParseUint(word, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if r := sim.Run(s, sim.Options{}); r.Violation != "" {
				t.Error(explain(&r))
			}
		}
	}
}

// workers is how many seeds run at a time: one for each core in a timed run.
func workers() int {
	if *span > 0 {
		return runtime.GOMAXPROCS(0)
	}
	return 1
}

// enoughSeeds are so many that every kind of fault must have occurred.
const enoughSeeds = 500

// maxFailures ends a run: they are mostly the same.
const maxFailures = 5

// runMany runs seeds, as many as the flags say. It returns what they covered, and
// their number.
func runMany(t *testing.T) (total sim.Counts, n uint64) {
	var next, failures atomic.Uint64
	var mu sync.Mutex // guards total and n
	next.Store(*from)
	begun := time.Now()
	var all sync.WaitGroup
	for range workers() {
		all.Go(func() {
			for failures.Load() < maxFailures {
				s := next.Add(1) - 1
				if *span == 0 && s >= *from+*seeds || *span > 0 && time.Since(begun) > *span {
					return
				}
				r := sim.Run(s, sim.Options{})
				mu.Lock()
				total.Add(&r.Counts)
				n++
				mu.Unlock()
				if r.Violation != "" {
					failures.Add(1)
					t.Error(explain(&r))
				}
			}
		})
	}
	all.Wait()
	return total, n
}

// explain tells of a violation, with what a smaller run needs for it.
func explain(r *sim.Result) string {
	small := shrink(*r, 60)
	var faults []string
	for _, f := range small.needs {
		faults = append(faults, f.String())
	}
	return fmt.Sprintf("seed %d: FAIL: %s\nto see it: go test ./internal/sim -run TestSeeds -v -seed %d\n"+
		"once it is mended, add it to internal/sim/testdata/failed_seeds.txt\n"+
		"with %d nodes, %d clients, faults until %v (%s): %s\nit ends with\n%s",
		r.Seed, r.Violation, r.Seed, small.Nodes, small.Clients, small.Horizon, strings.Join(faults, ", "), small.Violation,
		strings.Join(small.lines, "\n"))
}

// TestReplay holds that a seed decides everything.
func TestReplay(t *testing.T) {
	trace := func(s uint64) (sim.Result, uint64) {
		sum := fnv.New64a()
		r := sim.Run(s, sim.Options{Trace: func(line string) { _, _ = io.WriteString(sum, line+"\n") }})
		return r, sum.Sum64()
	}
	for s := *from; s < *from+max(3, sim.DefaultSeeds/40); s++ {
		a, first := trace(s)
		b, second := trace(s)
		if a != b || first != second {
			t.Fatalf("seed %d: two runs differ", s)
		}
		if c := sim.Run(s, sim.Options{}); c != a {
			t.Fatalf("seed %d: with a trace it goes another way", s)
		}
	}
}
