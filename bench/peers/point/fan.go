package point

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-8247e700/dsm/bench/load"
)

// errEvents says that a watcher was not sent every write once and in order.
var errEvents = errors.New("point: a watcher was not sent every write once and in order")

// fan is the watchers of a point, and the writes that they are to be sent. What a watcher
// checks it checks without waiting for others: they are part of what is measured.
type fan struct {
	writes   []write // by client
	watchers []*watcher
	fail     context.CancelCauseFunc // ends the point
	running  sync.WaitGroup          // of the watchers
}

// write is the write of a client that is under way. Key and value change only once every
// watcher has seen it.
type write struct {
	number atomic.Uint64 // from 1: of the client's writes; 0: there was none
	key    string
	value  []byte
	left   atomic.Int64  // watchers that have not seen it
	seen   chan struct{} // full when all have

	_ [64]byte // what watchers count is not beside what others count
}

// watcher is one of the watchers. It is for one goroutine.
type watcher struct {
	fan     *fan
	seen    []uint64 // by client: the number of its last write
	version uint64   // of the last write
	events  uint64
	order   uint64 // a hash of all writes, in the order in which they came
}

func newFan(clients, watchers int, fail context.CancelCauseFunc) *fan {
	f := &fan{writes: make([]write, clients), fail: fail}
	for i := range f.writes {
		f.writes[i].seen = make(chan struct{}, 1)
	}
	for range watchers {
		f.watchers = append(f.watchers, &watcher{fan: f, seen: make([]uint64, clients)})
	}
	return f
}

// fanOut measures a FanOut.
func (p *Pool) fanOut(ctx context.Context, work *Work, clients []Client) (_ Result, err error) {
	system, ok := p.system.(Watchable)
	if !ok {
		return Result{}, fmt.Errorf("point: %w: a %T has no watches", errors.ErrUnsupported, p.system)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	opened, err := system.Watchers(ctx, work.Watchers, keyPrefix)
	if err != nil {
		return Result{}, fmt.Errorf("point: opening %d watchers: %w", work.Watchers, err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	f := newFan(len(clients), work.Watchers, fail)
	stop := f.watch(ctx, opened)
	result := Result{}
	if err = f.greet(ctx, work, clients[0]); err == nil {
		result, err = p.run(ctx, work, clients, f)
	}
	stop()
	if err == nil || errors.Is(err, ErrTooLate) {
		err = errors.Join(err, f.check())
	}
	if err != nil {
		return Result{}, err
	}
	return result, nil
}

// watch has the watchers watch until stop is called.
func (f *fan) watch(ctx context.Context, opened Watchers) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	for i, w := range f.watchers {
		f.running.Go(func() {
			err := opened.Run(ctx, i, w.see)
			if ctx.Err() == nil {
				f.fail(fmt.Errorf("%w: watcher %d: %w", ErrOperation, i, orEnded(err)))
			}
		})
	}
	return func() {
		cancel()
		f.running.Wait()
	}
}

var errEnded = errors.New("the watch has ended")

// orEnded is an error also if there is none.
func orEnded(err error) error {
	if err == nil {
		return errEnded
	}
	return err
}

// greet has all watchers be sent a first write, so that what it takes until they are there
// is not measured.
func (f *fan) greet(ctx context.Context, work *Work, c Client) error {
	ctx, cancel := context.WithTimeoutCause(ctx, graceTimeout, ErrTooLate)
	defer cancel()
	m := &point{work: *work}
	if err := f.send(ctx, c, 0, work.own(0)[0], load.NewValues(m.keys(), work.Clients).Next()); err != nil {
		return fmt.Errorf("%w: the first write to %d watchers: %w", ErrOperation, work.Watchers, err)
	}
	return nil
}

// send writes, and waits until all watchers have seen it.
func (f *fan) send(ctx context.Context, c Client, client int, key string, value []byte) error {
	w := &f.writes[client]
	w.key, w.value = key, value
	w.left.Store(int64(len(f.watchers)))
	w.number.Add(1)
	if err := c.Write(ctx, key, value); err != nil {
		return err
	}
	select {
	case <-w.seen:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// see takes a write that the watcher was sent.
func (w *watcher) see(key string, value []byte, version uint64) error {
	index, err := strconv.ParseUint(strings.TrimPrefix(key, keyPrefix), 10, 31)
	if err != nil {
		return fmt.Errorf("%w: nobody writes %q: %w", errEvents, key, err)
	}
	client := int(index) % len(w.fan.writes)
	latest := &w.fan.writes[client]
	number := latest.number.Load()
	// If the watcher has not seen the latest write, then its client waits for it, and the rest
	// of it does not change.
	switch {
	case number == w.seen[client]:
		return fmt.Errorf("%w: %q came twice, or out of nothing", errEvents, key)
	case key != latest.key || !bytes.Equal(value, latest.value):
		return fmt.Errorf("%w: %q was sent as %.20q, and %q was written as %.20q", errEvents, key, value, latest.key, latest.value)
	case version != 0 && version <= w.version:
		return fmt.Errorf("%w: %q has version %d, after %d", errEvents, key, version, w.version)
	}
	w.seen[client], w.version = number, version
	w.events++
	w.order = (w.order ^ (uint64(client)<<48 | number)) * 0x100000001b3 // FNV's prime
	if latest.left.Add(-1) == 0 {
		latest.seen <- struct{}{}
	}
	return nil
}

// check holds what all watchers were sent against one another and against what was written,
// once they have ended.
func (f *fan) check() error {
	written := uint64(0)
	for i := range f.writes {
		written += f.writes[i].number.Load()
	}
	for i, w := range f.watchers {
		if w.events != written {
			return fmt.Errorf("%w: watcher %d was sent %d of %d writes", errEvents, i, w.events, written)
		}
		if w.order != f.watchers[0].order {
			return fmt.Errorf("%w: watchers 0 and %d were sent the same writes in different orders", errEvents, i)
		}
	}
	return nil
}

// fanOut writes until the end, each time when all watchers have the last write.
func (w *worker) fanOut(ctx context.Context, f *fan, values *load.Values) {
	own := w.point.work.own(w.id)
	var err error
	for now := w.point.now(); w.goesOn(ctx, now, err); {
		from := now
		err = f.send(ctx, w.client, w.id, own[w.choose(len(own))], values.Next())
		now = w.point.now()
		w.point.ended(w.id, from, now, err)
	}
}
