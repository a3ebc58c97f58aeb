package compare

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/noise"
)

const (
	// spinTime is how long the processors spin before each system's turn.
	spinTime = 200 * time.Millisecond

	// watches is how often a machine that is noisy before a run is looked at again:
	// what was built or installed may have left it work.
	watches = 3
)

// watch finds out whether anything else runs on the machine.
type watch struct {
	meter *noise.Meter
	log   noise.Log
	spin  func() noise.Spin
	tell  func(format string, args ...any)
}

// newWatch reads proc, the directory /proc.
func newWatch(proc fs.FS, tell func(format string, args ...any)) (*watch, error) {
	average, err := noise.LoadAverage(proc)
	if err != nil {
		return nil, fmt.Errorf("compare: measuring the machine's noise: %w", err)
	}
	n := runtime.NumCPU()
	return &watch{
		meter: noise.NewMeter(proc, os.Getpid()), tell: tell,
		log:  noise.Log{Processors: n, LoadAverage: average},
		spin: func() noise.Spin { return noise.SpinAll(n, spinTime) },
	}, nil
}

// before watches the machine for a time while nothing of the comparison runs, and
// again if it is noisy. The last look counts.
func (w *watch) before(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	for range watches {
		use, err := w.beside(func() {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		})
		if err != nil || ctx.Err() != nil {
			return err // the caller sees the context's
		}
		w.log.Before = use
		w.tell("before the run %v", use)
		if !use.NoisyIdle() {
			return nil
		}
	}
	w.tell("the machine is NOISY: end what else runs on it, or do not trust the figures")
	return nil
}

// between has the processors spin while no system runs.
func (w *watch) between() { w.log.Spins = append(w.log.Spins, w.spin()) }

// beside returns what else ran beside work.
func (w *watch) beside(work func()) (noise.Use, error) {
	from, err := w.meter.Snapshot()
	if err != nil {
		return noise.Use{}, fmt.Errorf("compare: measuring the machine's noise: %w", err)
	}
	work()
	to, err := w.meter.Snapshot()
	if err != nil {
		return noise.Use{}, fmt.Errorf("compare: measuring the machine's noise: %w", err)
	}
	return noise.Between(from, to), nil
}
