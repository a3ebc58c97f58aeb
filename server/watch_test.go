package server

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// eventSink passes events on.
type eventSink chan wire.Event

func (s eventSink) Event(e *wire.Event) {
	s <- *e
}

// watching is a connection to a node with a watch of everything.
func watching(t *testing.T, n *Node) (*client.Conn, wire.Watching, eventSink) {
	t.Helper()
	conn, err := client.Dial(t.Context(), n.Addr(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	events := make(eventSink, 1000)
	w, reply, err := conn.Watch(t.Context(), 0, wire.WatchQuery{Credit: 1 << 20}, events)
	if err != nil || reply.Status != wire.StatusOK {
		t.Fatalf("%+v, %v", reply, err)
	}
	return conn, w, events
}

// TestNodeThatLeavesEndsWatches holds that a watch is told, so that its client goes on
// elsewhere.
func TestNodeThatLeavesEndsWatches(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	_, _, events := watching(t, g.pick(1))
	g.close("n2")
	for e := range events {
		if e.Kind == wire.EventEnded {
			if e.Status != wire.StatusUnavailable && e.Status != wire.StatusInterrupted {
				t.Errorf("%+v", e)
			}
			return
		}
	}
}

// TestWatchesGoWithTheirConnection holds that the hub forgets the watches of a connection
// that has ended, and ends with the last.
func TestWatchesGoWithTheirConnection(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	conn, _, _ := watching(t, g.pick(0))
	other, w, _ := watching(t, g.pick(0))
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	w.Stop()
	eventually(t, "the hub to end", func() bool {
		r := g.pick(0).current.Load()
		r.front.watches.mu.Lock()
		defer r.front.watches.mu.Unlock()
		return !r.front.watches.runs
	})
	// Another begins it again.
	events := make(eventSink, 10)
	if _, reply, err := other.Watch(t.Context(), 0, wire.WatchQuery{Credit: 1 << 20}, events); err != nil || reply.Status != wire.StatusOK {
		t.Fatalf("%+v, %v", reply, err)
	}
}

// TestWatchesOfBadQueries holds that a node refuses them, and the connection lives.
func TestWatchesOfBadQueries(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	conn, _, _ := watching(t, g.pick(0))
	for name, q := range map[string]wire.WatchQuery{
		"flags":         {Flags: 1 << 7},
		"a long bound":  {From: strings.Repeat("k", 2000)},
		"a long bound ": {To: strings.Repeat("k", 2000)},
	} {
		if _, reply, err := conn.Watch(t.Context(), 0, q, make(eventSink, 10)); err != nil || reply.Status != wire.StatusBadRequest {
			t.Errorf("%s: %+v, %v", name, reply, err)
		}
	}
	if reply, err := conn.Scan(t.Context(), 0, &wire.ScanQuery{Flags: 1 << 7}); err != nil || reply.Status != wire.StatusBadRequest {
		t.Errorf("a scan: %+v, %v", reply, err)
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNodeThatStopsEndsItsOwnWatches holds that the hub says so: a watch of the process
// itself has no connection whose end would say it.
func TestNodeThatStopsEndsItsOwnWatches(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	conn, err := g.pick(0).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	events := make(eventSink, 1000)
	_, reply, err := conn.(wire.Watcher).Watch(t.Context(), 0, wire.WatchQuery{Credit: 1 << 20}, events)
	if err != nil || reply.Status != wire.StatusOK {
		t.Fatalf("%+v, %v", reply, err)
	}
	g.kill("n1")
	for {
		select {
		case e := <-events:
			if e.Kind == wire.EventEnded {
				if e.Status != wire.StatusUnavailable {
					t.Errorf("%+v", e)
				}
				return
			}
		case <-time.After(patience):
			t.Fatal("the watch goes on at a node that has stopped")
		}
	}
}

// Without a lease a node answers what cannot be stale, and takes what a client grants a watch:
// the lease may come back.
func TestAnswersWithoutLease(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(1)
	c := &clientConn{f: g.nodes["n1"].current.Load().front}
	for kind, want := range map[wire.RequestKind]bool{
		wire.RequestCredit: true, wire.RequestUnwatch: true, wire.RequestStatus: true,
		wire.RequestGet: false, wire.RequestGetStrong: false, wire.RequestWrite: false, wire.RequestList: false,
		wire.RequestWatch: false, wire.RequestScan: false, wire.RequestPing: false, wire.RequestSubscribe: false,
	} {
		if got := c.answersWithoutLease(kind); got != want {
			t.Errorf("a request of kind %d: %v, want %v", kind, got, want)
		}
	}
}
