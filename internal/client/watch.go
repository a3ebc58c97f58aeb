package client

import (
	"context"
	"fmt"
	"sync"

	"github.com/seed-8247e700/dsm/internal/wire"
)

var _ wire.Watcher = (*Conn)(nil)

// watches are the watches of a connection, by number.
type watches struct {
	mu     sync.Mutex
	latest uint64 // number
	sinks  map[uint64]*watching
	ended  bool
	takers []*watching // scratch of events
}

// watching is a watch under way.
type watching struct {
	c      *Conn
	number uint64

	mu   sync.Mutex // held while the sink is given an event
	sink wire.EventSink
}

// Watch begins a watch, as wire.Watcher says. If the node does not know watches, the reply is
// StatusUnsupported.
func (c *Conn) Watch(ctx context.Context, position uint64, q wire.WatchQuery, sink wire.EventSink) (wire.Watching, wire.Reply, error) {
	if c.version < wire.VersionWatch {
		return nil, c.unsupported("watches"), nil
	}
	w := &watching{c: c, sink: sink}
	if !c.watches.add(w) {
		return nil, wire.Reply{}, notSent(errClosed)
	}
	q.Watch = w.number
	reply, err := c.roundTrip(ctx, &wire.Request{Kind: wire.RequestWatch, Key: string(q.Append(nil)), Position: position})
	if err != nil || reply.Status != wire.StatusOK {
		w.Stop() // the node may have begun the watch
		return nil, reply, err
	}
	return w, reply, nil
}

// Scan asks for a page of a scan, as wire.Watcher says.
func (c *Conn) Scan(ctx context.Context, position uint64, q *wire.ScanQuery) (wire.Reply, error) {
	if c.version < wire.VersionWatch {
		return c.unsupported("scans"), nil
	}
	return c.roundTrip(ctx, &wire.Request{Kind: wire.RequestScan, Key: string(q.Append(nil)), Position: position})
}

// unsupported is the answer of a node that does not know something.
func (c *Conn) unsupported(what string) wire.Reply {
	return wire.Reply{Status: wire.StatusUnsupported, Data: fmt.Appendf(nil, "node %s does not know %s: upgrade it", c.info.NodeID, what)}
}

// add numbers a watch, unless the connection has ended.
func (w *watches) add(watch *watching) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	w.latest++
	watch.number = w.latest
	if w.sinks == nil {
		w.sinks = make(map[uint64]*watching)
	}
	w.sinks[watch.number] = watch
	return true
}

// events gives the events of a frame to their watches. Those of a watch that was stopped
// meanwhile go to nobody.
func (w *watches) events(body []byte) error {
	var r wire.EventReader
	r.Reset(body)
	for {
		numbers, e, ok := r.Next()
		if !ok {
			break
		}
		takers := w.take(numbers, e.Kind == wire.EventEnded)
		if len(takers) > 0 {
			e.Keep()
		}
		for _, watch := range takers {
			watch.event(&e)
		}
		clear(takers)
	}
	if r.Bad() {
		return fmt.Errorf("%w: events", wire.ErrMalformed)
	}
	return nil
}

// take returns the watches with some numbers, those that have not been stopped, until it is
// called again. With their last event they are removed.
func (w *watches) take(numbers []uint64, last bool) []*watching {
	w.mu.Lock()
	defer w.mu.Unlock()
	takers := w.takers[:0]
	for _, number := range numbers {
		if watch := w.sinks[number]; watch != nil {
			takers = append(takers, watch)
		}
		if last {
			delete(w.sinks, number)
		}
	}
	w.takers = takers
	return takers
}

// end tells all watches that the connection has ended.
func (w *watches) end() {
	w.mu.Lock()
	sinks := w.sinks
	w.sinks, w.ended = nil, true
	w.mu.Unlock()
	for _, watch := range sinks {
		watch.event(&wire.Event{Kind: wire.EventEnded, Status: wire.StatusInterrupted, Last: true})
	}
}

func (w *watching) event(e *wire.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sink != nil {
		w.sink.Event(e)
	}
}

// Grant is part of wire.Watching. Nobody waits for the answer.
func (w *watching) Grant(bytes uint64) {
	w.c.tell(&wire.Request{Kind: wire.RequestCredit, Key: string(wire.AppendCredit(nil, w.number, bytes))})
}

// Stop is part of wire.Watching.
func (w *watching) Stop() {
	w.mu.Lock()
	w.sink = nil
	w.mu.Unlock()
	w.c.watches.mu.Lock()
	_, under := w.c.watches.sinks[w.number]
	delete(w.c.watches.sinks, w.number)
	w.c.watches.mu.Unlock()
	if under {
		w.c.tell(&wire.Request{Kind: wire.RequestUnwatch, Position: w.number})
	}
}

// any reports whether watches are under way.
func (w *watches) any() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sinks) > 0
}

// tell sends a request whose answer nobody waits for. If as many requests are in flight as
// may be, a goroutine waits for room.
func (c *Conn) tell(r *wire.Request) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	if !c.slots.available() {
		c.workers.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
			defer cancel()
			_, _ = c.roundTrip(ctx, r) // if it fails, the connection does
		})
		c.mu.Unlock()
		return
	}
	r.ID = c.slots.take(nil)
	flush := c.enqueueLocked(r, nil)
	c.mu.Unlock()
	if flush {
		c.flush()
	}
}
