package sim_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim"
)

var (
	seeds = flag.Uint64("seeds", 200, "number of seeds to run")
	from  = flag.Uint64("from", 1, "first seed")
	seed  = flag.Uint64("seed", 0, "run this seed alone, and print what happens")
)

func TestSeeds(t *testing.T) {
	if *seed != 0 {
		r := sim.Run(*seed, sim.Options{Trace: func(line string) { fmt.Println(line) }})
		if r.Violation != "" {
			t.Fatalf("seed %d: %s", *seed, r.Violation)
		}
		return
	}
	var total sim.Counts
	failures := 0
	begun := time.Now()
	for s := *from; s < *from+*seeds; s++ {
		r := sim.Run(s, sim.Options{})
		total.Add(&r.Counts)
		if r.Violation != "" {
			t.Errorf("seed %d: %s", s, r.Violation)
			if failures++; failures == 10 {
				break
			}
		}
	}
	t.Logf("%v a seed; %+v", time.Since(begun)/time.Duration(*seeds), total)
}
