package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
)

// healTimeout is how long nodes may take, after the load and the last fault, to
// be members again.
const healTimeout = 30 * time.Second

// schedule is what goes wrong in the run, nothing without Faults.
func (c *Config) schedule() (fault.Schedule, error) {
	var s fault.Schedule
	var err error
	switch c.Faults {
	case "":
		return nil, nil
	case RandomFaults:
		s, err = fault.Random(c.Seed, c.Nodes, c.Duration)
	default:
		if s, err = fault.Parse(c.Faults); err == nil {
			err = s.Validate(c.Nodes, c.Duration)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: --faults: %w", program.ErrConfig, err)
	}
	return s, nil
}

// injector carries out a schedule of faults.
type injector struct {
	env      program.Env
	clock    load.Clock
	system   faulty
	schedule fault.Schedule
	slow     func(bytesPerSecond int64) time.Duration // how much longer a group takes over links of a rate
	stop     context.CancelFunc
	task     sync.WaitGroup
	done     chan struct{} // closed when all is mended

	mu    sync.Mutex // guards marks
	marks []mark     // of the schedule's faults, in its order
}

// mark is what became of a fault.
type mark struct {
	begun int64 // on the clock of the run, -1: it did not happen
	ended int64 // likewise, -1: it stands. What is killed for good has ended at once
	mend  func() error
	err   error
}

func newInjector(env program.Env, c load.Clock, system faulty, s fault.Schedule, slow func(bytesPerSecond int64) time.Duration) *injector {
	i := &injector{env: env, clock: c, system: system, schedule: s, slow: slow, marks: make([]mark, len(s)), done: make(chan struct{})}
	for n := range i.marks {
		i.marks[n].begun, i.marks[n].ended = -1, -1
	}
	return i
}

// step is the begin or the end of a fault.
type step struct {
	at    time.Duration
	fault int
	end   bool
}

// steps is all that is to be done, in order. What ends makes room for what begins.
func (i *injector) steps() []step {
	var list []step
	for n := range i.schedule {
		f := &i.schedule[n]
		list = append(list, step{at: f.At, fault: n})
		if f.For > 0 {
			list = append(list, step{at: f.At + f.For, fault: n, end: true})
		}
	}
	slices.SortStableFunc(list, func(a, b step) int {
		switch {
		case a.at != b.at:
			return int(max(-1, min(1, a.at-b.at)))
		case a.end == b.end || a.fault == b.fault:
			return 0
		case a.end:
			return -1
		default:
			return 1
		}
	})
	return list
}

// start carries out the schedule from a time on the clock on, until another one at
// which whatever stands is mended, or until finish is called.
func (i *injector) start(begin, end int64) {
	ctx, cancel := context.WithCancel(context.Background())
	i.stop = cancel
	i.task.Go(func() {
		defer close(i.done)
		for _, s := range i.steps() {
			at := min(begin+int64(s.at), end)
			if !i.wait(ctx, at) {
				break
			}
			i.take(s)
		}
		i.wait(ctx, end)
		for n := range i.marks {
			if i.marks[n].begun >= 0 {
				i.mend(n)
			}
		}
	})
}

// await waits for the whole schedule, unless a context ends.
func (i *injector) await(a, b context.Context) {
	select {
	case <-i.done:
	case <-a.Done():
	case <-b.Done():
	}
}

// finish mends whatever stands.
func (i *injector) finish() {
	i.stop()
	i.task.Wait()
}

// heal waits for all nodes to be back in the group, and returns who is not.
func (i *injector) heal() (failures []string) {
	ctx, cancel := context.WithTimeout(context.Background(), healTimeout)
	defer cancel()
	if err := i.system.Whole(ctx); err != nil {
		return []string{fmt.Sprintf("after the last fault the group did not heal: %v", err)}
	}
	return nil
}

func (i *injector) wait(ctx context.Context, until int64) bool {
	timer := time.NewTimer(time.Duration(until - i.clock.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (i *injector) take(s step) {
	if s.end {
		i.mend(s.fault)
		return
	}
	f := &i.schedule[s.fault]
	i.env.Notice("fault: %s", f)
	m := &i.marks[s.fault]
	i.mu.Lock()
	m.begun = i.clock.Now() // an operation may end with it at once
	i.mu.Unlock()
	mend, err := i.system.Strike(f)
	i.mu.Lock()
	defer i.mu.Unlock()
	m.mend, m.err = mend, err
	if mend == nil {
		m.ended = m.begun
	}
}

// mend ends a fault, unless that was done.
func (i *injector) mend(n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	m := &i.marks[n]
	if m.mend == nil {
		return
	}
	i.env.Notice("over: %s", &i.schedule[n])
	m.err = errors.Join(m.err, m.mend())
	m.mend, m.ended = nil, i.clock.Now()
}

// excuses reports whether faults excuse an operation that got no answer from one
// time to another: one of them stood, or the group may still have been getting over
// it, which takes longer after a slow link. They do not if they left the group alone meanwhile for longer than it may
// take to go on: then the operation had its chance, and its handle has missed it.
func (i *injector) excuses(from, to int64) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	limit := int64(outageLimit())
	met, alone := false, from // since when no fault stands
	for n := range i.marks {
		m := &i.marks[n]
		if m.begun < 0 || m.begun >= to || m.begun-alone > limit {
			break
		}
		if m.ended < 0 {
			return true
		}
		over := m.ended
		if f := &i.schedule[n]; f.Kind == fault.Slow {
			over += int64(i.slow(f.Rate))
		}
		met = met || over+limit >= from
		alone = max(alone, over)
	}
	return met && to-alone <= limit
}

// standing is the faults of now, for people.
func (i *injector) standing() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var texts []string
	for n := range i.marks {
		if i.marks[n].mend != nil {
			what, _, _ := strings.Cut(i.schedule[n].String(), "@")
			texts = append(texts, what)
		}
	}
	return strings.Join(texts, ", ")
}

// happened returns what became of the faults.
func (i *injector) happened() []mark {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.marks)
}
