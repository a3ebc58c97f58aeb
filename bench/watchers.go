package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
)

// watchable is a system with handles for those who watch.
type watchable interface {
	DB(watcher int) *driver.DB
}

// chain is a sequence of changes: how many there were, and a hash of all in their order.
type chain struct {
	changes  uint64
	hash     uint64
	position uint64 // of the last
}

// chainSeed is that of all chains of this process, which are compared with one another.
var chainSeed = maphash.MakeSeed()

// add takes the next change: the hash of the value from now on, or that it is deleted.
func (c *chain) add(position uint64, key string, value uint64, deleted bool) {
	b := make([]byte, 0, 128)
	b = binary.LittleEndian.AppendUint64(b, c.hash)
	b = binary.LittleEndian.AppendUint64(b, position)
	b = append(b, key...)
	if deleted {
		b = append(b, 0)
	} else {
		b = binary.LittleEndian.AppendUint64(append(b, 1), value)
	}
	c.hash = maphash.Bytes(chainSeed, b)
	c.position = position
	c.changes++
}

// watchers are clients that watch all variables of a run from before its first write on.
type watchers struct {
	order  chain // of the changes in the order
	prefix string
	list   []*watcher
	group  sync.WaitGroup
	target atomic.Uint64 // position at which they end, once it is known
	end    context.CancelFunc
	awake  chan struct{} // closed when those that do not read begin to
}

// watcher is one of them.
type watcher struct {
	stuck   bool
	seen    chain
	lagged  *driver.LaggedError
	resumed bool
	err     error
	changes atomic.Int64
	done    atomic.Bool
}

// startWatchers begins the watches that the Config asks for, until the function returned is
// called, and has the order given to them.
func (r *run) startWatchers(ctx context.Context, sys system, options *check.Options) (stop func()) {
	w, ok := sys.(watchable)
	if !ok || r.cfg.Watchers == 0 {
		return func() {}
	}
	r.watches = startWatchers(context.WithoutCancel(ctx), w, r.cfg.Watchers, r.cfg.Stuck, options.Prefix, options.Origin)
	options.Changed = r.watches.order.add
	return func() {
		r.watches.end()
		r.watches.group.Wait()
	}
}

// startWatchers begins n watches after a position, of which some do not read until the end.
func startWatchers(ctx context.Context, sys watchable, n, stuck int, prefix string, origin uint64) *watchers {
	ctx, cancel := context.WithCancel(ctx)
	w := &watchers{prefix: prefix, end: cancel, awake: make(chan struct{})}
	w.target.Store(1<<64 - 1)
	for i := range n {
		one := &watcher{stuck: i < stuck}
		w.list = append(w.list, one)
		db := sys.DB(i)
		w.group.Go(func() {
			defer one.done.Store(true)
			one.err = w.follow(ctx, db, one, origin)
		})
	}
	return w
}

// follow reads the events of a watch.
func (w *watchers) follow(ctx context.Context, db *driver.DB, one *watcher, origin uint64) error {
	for e, err := range db.Watch(ctx, driver.Prefix(w.prefix), driver.From(origin), driver.Progress(time.Second)) {
		if errors.As(err, &one.lagged) && one.stuck {
			return w.resume(ctx, db, one)
		}
		if err != nil {
			return err
		}
		if e.Kind != driver.EventProgress {
			one.changes.Add(1)
			one.seen.add(e.Position, e.Key, xxh3.Hash(e.Data), e.Kind != driver.EventPut)
		}
		if e.Position >= w.target.Load() {
			return nil
		}
		if one.stuck {
			select {
			case <-w.awake:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// resume goes on with a watch that has lagged: with what the variables are now.
func (w *watchers) resume(ctx context.Context, db *driver.DB, one *watcher) error {
	for e, err := range db.Watch(ctx, driver.Prefix(w.prefix), driver.Initial) {
		if err != nil {
			return err
		}
		if e.Kind == driver.EventSynced {
			one.resumed = e.Position > one.lagged.Resume
			break
		}
	}
	return nil
}

// caughtUp waits until all watchers that read have seen some changes: what is before the load
// is no part of it. It reports false if the context ends first.
func (w *watchers) caughtUp(ctx context.Context, changes int) bool {
	for _, one := range w.list {
		for !one.stuck && !one.done.Load() && one.changes.Load() < int64(changes) {
			if !program.Pause(ctx, 10*time.Millisecond) {
				return false
			}
		}
	}
	return true
}

// settle waits until all watchers have come to a position, or the context ends.
func (w *watchers) settle(ctx context.Context, position uint64) {
	w.target.Store(position)
	close(w.awake)
	ended := make(chan struct{})
	go func() {
		w.group.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	w.end()
	<-ended
}

// report holds what the watchers saw against the order.
func (w *watchers) report(rep *report.Report) {
	c := check.Result{
		Name: "watches", Kept: "a hash of all changes, chained, for each watcher",
		Covers: fmt.Sprintf("%s saw the same %s changes as the order has, each once", report.Count(len(w.list), "watcher"), report.Grouped(int64(w.order.changes))),
	}
	lagged := 0
	for i, one := range w.list {
		c.Events += one.seen.changes
		switch {
		case one.lagged != nil && one.resumed:
			lagged++ // one that did not read
		case one.err != nil && !errors.Is(one.err, context.Canceled):
			c.Violations++
			c.Texts = append(c.Texts, fmt.Sprintf("watcher %d: %v", i, one.err))
		case one.seen != w.order:
			c.Violations++
			c.Texts = append(c.Texts, fmt.Sprintf("watcher %d saw %d changes, the last at position %d, and the order has %d, the last at %d",
				i, one.seen.changes, one.seen.position, w.order.changes, w.order.position))
		}
	}
	c.Texts = c.Texts[:min(len(c.Texts), maxWatcherTexts)]
	rep.Checks = append(rep.Checks, c)
	if lagged > 0 {
		rep.Notes = append(rep.Notes, fmt.Sprintf("%s that did not read lagged, and went on with what was there", report.Count(lagged, "watcher")))
	}
}

// maxWatcherTexts is how many violations are told.
const maxWatcherTexts = 5
