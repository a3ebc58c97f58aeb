package bench

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/workload"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
)

// expiries watches the variables of a run, and hands what expires to the auditor.
type expiries struct {
	clock load.Clock
	stop  context.CancelFunc
	group sync.WaitGroup

	mu    sync.Mutex // guards what follows
	list  []workload.Expiry
	ended error
}

// errNoWatch is why a workload that needs a watch cannot run.
var errNoWatch = errors.New("bench: the group has no handles for a watch")

// watchExpiries begins to watch, if the workload of the run is about expiries.
func (r *run) watchExpiries(ctx context.Context, sys system, options *check.Options) error {
	if _, ok := r.invariant.(workload.Expiring); !ok {
		return nil
	}
	w, ok := sys.(watchable)
	if !ok {
		return errNoWatch
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.expiries = &expiries{clock: r.clock, stop: cancel}
	watch := func(from driver.WatchOption) events { return w.DB(0).Watch(ctx, driver.Prefix(options.Prefix), from) }
	r.expiries.group.Go(func() { r.expiries.run(watch(driver.From(options.Origin)), watch(driver.Initial)) })
	return nil
}

// events are what a watch returns.
type events = iter.Seq2[driver.Event, error]

// run follows a watch until it ends. If it lags, it goes on with another, which begins with
// what exists.
func (x *expiries) run(first, again events) {
	err := x.follow(first)
	for errors.Is(err, driver.ErrLagged) {
		err = x.follow(again)
	}
	x.mu.Lock()
	x.ended = err
	x.mu.Unlock()
}

// follow reads the events of a watch until it ends, and returns why it has.
func (x *expiries) follow(of events) error {
	exist := make(map[string]bool)
	for e, err := range of {
		now := x.clock.Now()
		if err != nil {
			return err
		}
		switch e.Kind {
		case driver.EventInitial:
			exist[e.Key] = true
		case driver.EventSynced:
			x.add(workload.Expiry{Position: e.Position, At: now, Exist: exist})
		case driver.EventExpire:
			x.add(workload.Expiry{Key: e.Key, Position: e.Position, At: now})
		}
	}
	return nil
}

func (x *expiries) add(e workload.Expiry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list = append(x.list, e)
}

// take returns what has expired since the last call.
func (x *expiries) take() []workload.Expiry {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.list
	x.list = nil
	return list
}

// end ends the watch, and returns why it has ended before.
func (x *expiries) end() error {
	x.mu.Lock()
	err := x.ended
	x.mu.Unlock()
	x.stop()
	x.group.Wait()
	return err
}

// awaitExpiries waits until all variables with a TTL have expired, and the watch of them has
// returned that, or for as long as that may take.
func (r *run) awaitExpiries() {
	if r.expiries == nil {
		return
	}
	of := r.invariant.(workload.Expiring)
	ctx, cancel := context.WithTimeout(context.Background(), r.cfg.TTL+drainTimeout+time.Duration(r.cfg.Keys)*expiryTime)
	defer cancel()
	if r.groupIsGone() {
		cancel() // there is nothing to wait for
	}
	for r.auditor.round(); of.Alive() > 0 && program.Pause(ctx, auditInterval); {
		r.auditor.round()
	}
	if err := r.expiries.end(); err != nil {
		r.failed = append(r.failed, fmt.Sprintf("the watch of variables that expire has ended: %v", err))
	}
	r.auditor.round()
}

// expiryTime is what one of many variables that expire together may take, on a slow machine.
const expiryTime = 100 * time.Microsecond
