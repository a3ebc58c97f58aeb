package server

import (
	"context"
	"sync"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/watch"
	"github.com/seed-8247e700/dsm/internal/wire"
)

var _ wire.Watcher = localConn{}

// localWatch is a watch of the process itself. It is a connection of the hub with one watch.
type localWatch struct {
	f *front

	mu   sync.Mutex
	sink wire.EventSink // nil: it was stopped
}

// Watch begins a watch, as wire.Watcher says.
func (c localConn) Watch(ctx context.Context, position uint64, q wire.WatchQuery, sink wire.EventSink) (wire.Watching, wire.Reply, error) {
	reached, err := c.await(ctx, max(position, q.After), func(p *member.Read) { p.Nothing = true })
	if err != nil || reached.Status != wire.StatusOK {
		return nil, reached, err
	}
	w := &localWatch{f: c.f, sink: sink}
	answer := make(chan wire.Reply, 1)
	c.f.watches.call(func(hub *watch.Hub) { answer <- hub.Watch(w, &q) })
	select {
	case reply := <-answer:
		if reply.Status != wire.StatusOK {
			return nil, reply, nil
		}
		return w, reply, nil
	case <-c.f.ended:
		w.Stop()
		return nil, wire.Reply{Status: wire.StatusUnavailable}, nil
	}
}

// Send is part of watch.Sink.
func (w *localWatch) Send(frames []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sink == nil {
		return
	}
	var events wire.EventReader
	for len(frames) > 0 {
		var body []byte
		body, frames = wire.FirstFrame(frames)
		events.Reset(body)
		for _, e, ok := events.Next(); ok; _, e, ok = events.Next() {
			e.Keep()
			w.sink.Event(&e)
		}
	}
}

// Room is part of watch.Sink: what was granted bounds what waits.
func (w *localWatch) Room() bool { return true }

// Grant is part of wire.Watching.
func (w *localWatch) Grant(bytes uint64) {
	w.f.watches.call(func(hub *watch.Hub) { hub.Credit(w, 0, bytes) })
}

// Stop is part of wire.Watching.
func (w *localWatch) Stop() {
	w.mu.Lock()
	w.sink = nil
	w.mu.Unlock()
	w.f.watches.call(func(hub *watch.Hub) { hub.Gone(w) })
}

// Scan makes a page of a scan, as wire.Watcher says.
func (c localConn) Scan(ctx context.Context, position uint64, q *wire.ScanQuery) (wire.Reply, error) {
	key := string(q.Append(nil))
	return c.await(ctx, position, func(p *member.Read) { p.Key, p.Reached = key, c.f.scan })
}
