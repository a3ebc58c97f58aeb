package server

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/watch"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// watches hosts the hub of a replica's watches, on a goroutine of its own, beside the
// protocol loop. The goroutine runs while there are watches.
type watches struct {
	f *front

	active atomic.Bool // the goroutine runs, and wants to know of deliveries
	wake   chan struct{}

	mu    sync.Mutex // guards what follows
	calls []func(*watch.Hub)
	runs  bool
}

const (
	// progressEvery is how often watches without events are told how far they have come.
	// Half of it is the time until the end of a node's lease ends its watches.
	progressEvery = time.Second

	// readyEvery is how often the hub looks whether a client has read what waited for it.
	readyEvery = 10 * time.Millisecond
)

func newWatches(f *front) *watches { return &watches{f: f, wake: make(chan struct{}, 1)} }

// delivered wakes the hub. The owner of the turn calls it at the end of each turn.
func (w *watches) delivered() {
	if w.active.Load() {
		w.nudge()
	}
}

func (w *watches) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// call has the hub's goroutine do something.
func (w *watches) call(fn func(*watch.Hub)) {
	w.mu.Lock()
	w.calls = append(w.calls, fn)
	starts := !w.runs
	w.runs = true
	w.mu.Unlock()
	if starts {
		w.active.Store(true)
		// If the replica has ended, nothing is done any more.
		w.f.turns.post(func(*member.Member) { w.f.goOn(w.run) })
		return
	}
	w.nudge()
}

// run hosts a hub until it has no watches.
func (w *watches) run() {
	var hub *watch.Hub
	progress := time.NewTicker(progressEvery)
	defer progress.Stop()
	for w.calling(&hub) {
		if !w.f.reader.Serves() {
			hub.End(wire.StatusUnavailable, "the node does not serve now")
			continue
		}
		if hub.Step() {
			continue
		}
		var ready <-chan time.Time
		if hub.Waits() {
			ready = time.After(readyEvery)
		}
		select {
		case <-w.wake:
		case <-ready:
			hub.Ready()
		case <-progress.C:
			if w.f.reader.Serves() {
				hub.Progress()
			}
		case <-w.f.ended:
			hub.End(wire.StatusUnavailable, "the node has stopped")
		}
	}
}

// calling does what others have asked for. It reports false when the goroutine ends: then
// the next call begins another.
func (w *watches) calling(hub **watch.Hub) bool {
	w.mu.Lock()
	calls := w.calls
	w.calls = nil
	idle := *hub == nil || (*hub).Idle()
	if idle && len(calls) == 0 {
		w.active.Store(false)
		w.runs = false
		w.mu.Unlock()
		return false
	}
	w.mu.Unlock()
	if idle {
		*hub = watch.NewHub(w.f.reader.State()) // which a node that joins replaces
	}
	for _, fn := range calls {
		fn(*hub)
	}
	return true
}

// takeWatch takes a request about watches.
func (c *clientConn) takeWatch(req *wire.Request) {
	id := req.ID
	switch req.Kind {
	case wire.RequestWatch:
		q, err := wire.DecodeWatchQuery([]byte(req.Key)) // a copy, which q keeps
		if err != nil {
			c.reply(&wire.Reply{ID: id, Status: wire.StatusBadRequest, Data: []byte(err.Error())})
			return
		}
		p := c.parked(req)
		p.Position = max(p.Position, q.After)
		p.Reached = func(_ *member.Member, p *member.Read) {
			c.watches = true
			c.f.watches.call(func(hub *watch.Hub) {
				reply := hub.Watch(c, &q)
				reply.ID = p.Tag
				c.reply(&reply)
				c.flushReplies()
			})
		}
		c.hand(p, (*member.Member).Park)
	case wire.RequestUnwatch:
		number := req.Position
		c.callHub(id, func(hub *watch.Hub) { hub.Unwatch(c, number) })
	default:
		number, bytes, err := wire.DecodeCredit([]byte(req.Key))
		if err != nil {
			c.reply(&wire.Reply{ID: id, Status: wire.StatusBadRequest})
			return
		}
		c.callHub(id, func(hub *watch.Hub) { hub.Credit(c, number, bytes) })
	}
}

// callHub has the hub do what a request asks for, and then answers it: so the bound on
// requests in flight bounds what waits for the hub.
func (c *clientConn) callHub(id uint64, fn func(*watch.Hub)) {
	c.f.watches.call(func(hub *watch.Hub) {
		fn(hub)
		c.reply(&wire.Reply{ID: id})
		c.flushReplies()
	})
}

// Send is part of watch.Sink.
func (c *clientConn) Send(frames []byte) {
	c.mu.Lock()
	switch {
	case c.err != nil:
	case c.stream != nil:
		c.stream.addFrame(func(dst []byte) []byte { return append(dst, frames...) })
		c.stream.publish()
	default:
		err := c.out.Keep(append(c.out.Buffer(), frames...))
		if err == nil {
			err = c.out.Flush()
		}
		if err != nil {
			c.failLocked(err)
		}
	}
	c.mu.Unlock()
	c.f.cutMost()
}

// Room is part of watch.Sink.
func (c *clientConn) Room() bool { return c.out.Buffered() <= slowReader }

// forgotten ends what a connection that is gone waits for. Owner only.
func (c *clientConn) forgotten(m *member.Member) {
	m.Forget(&c.account)
	if c.watches {
		c.f.watches.call(func(hub *watch.Hub) { hub.Gone(c) })
	}
}
