package watch

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// recorder is a connection that keeps what it is sent.
type recorder struct {
	t      *testing.T
	full   bool
	frames int
	events []wire.Event
	ids    [][]uint64
}

func (r *recorder) Room() bool { return !r.full }

func (r *recorder) Send(frames []byte) {
	reader := wire.NewFrameReader(strings.NewReader(string(frames)), 1<<20)
	for {
		_, body, err := reader.Next()
		if err != nil {
			return
		}
		r.frames++
		var events wire.EventReader
		events.Reset(body)
		for {
			ids, e, ok := events.Next()
			if !ok {
				break
			}
			e.Key, e.Value, e.Old = strings.Clone(e.Key), slices.Clone(e.Value), slices.Clone(e.Old)
			r.events, r.ids = append(r.events, e), append(r.ids, slices.Clone(ids))
		}
	}
}

// node is a store with a session.
type node struct {
	*store.Store
	out store.Outcome
	seq uint64
}

func newNode() *node {
	n := &node{Store: store.New(store.Limits{})}
	n.KeepHistory(1 << 20)
	n.ApplyMessage(1, 1, (&wire.Command{Op: wire.OpOpenSession}).Append(nil), &n.out)
	return n
}

func (n *node) set(key, value string) {
	n.seq++
	c := wire.Command{Op: wire.OpSet, Session: 1, Seq: n.seq, Floor: n.seq, Key: key, Value: []byte(value)}
	n.ApplyMessage(n.Applied()+1, 1, c.Append(nil), &n.out)
}

func settle(h *Hub) {
	for h.Step() {
	}
}

// TestOneEncodingForAConnection holds that a change is encoded once for all watches of a
// connection.
func TestOneEncodingForAConnection(t *testing.T) {
	n := newNode()
	h, r := NewHub(n.Store), &recorder{t: t}
	for id := range uint64(100) {
		h.Watch(r, &wire.WatchQuery{Watch: id, From: "a", To: "b", Credit: 1 << 20})
	}
	settle(h)
	n.set("a", "1")
	settle(h)
	if len(r.events) != 1 || len(r.ids[0]) != 100 {
		t.Errorf("%d events for %d watches", len(r.events), len(r.ids[0]))
	}
}

// TestStuckWatchCostsNothing holds that a watch without credit is not looked at, and goes on
// where it stood.
func TestStuckWatchCostsNothing(t *testing.T) {
	n := newNode()
	h, r := NewHub(n.Store), &recorder{t: t}
	h.Watch(r, &wire.WatchQuery{Watch: 1, Credit: 1})
	settle(h)
	n.set("a", "1")
	n.set("a", "2")
	settle(h)
	n.set("a", "3")
	settle(h)
	if len(r.events) != 1 || len(h.behind) != 0 || h.live != 0 {
		t.Fatalf("%d events, %d behind, %d live", len(r.events), len(h.behind), h.live)
	}
	h.Credit(r, 1, 1000)
	settle(h)
	if len(r.events) != 3 || string(r.events[2].Value) != "3" || h.live != 1 {
		t.Fatalf("%+v", r.events)
	}
}

func TestReaderThatFallsBehind(t *testing.T) {
	n := newNode()
	h, r := NewHub(n.Store), &recorder{t: t}
	h.Watch(r, &wire.WatchQuery{Watch: 1, Credit: 1000})
	settle(h)
	r.full = true
	n.set("a", "1")
	settle(h)
	if len(r.events) != 0 || !h.Waits() {
		t.Fatalf("%+v, waits %v", r.events, h.Waits())
	}
	r.full = false
	h.Ready()
	settle(h)
	if len(r.events) != 1 || h.Waits() {
		t.Fatalf("%+v, waits %v", r.events, h.Waits())
	}
}

func TestRefusedWatches(t *testing.T) {
	n := newNode()
	h, r := NewHub(n.Store), &recorder{t: t}
	if reply := h.Watch(r, &wire.WatchQuery{Watch: 1, Flags: wire.WatchAfter, After: n.Applied() + 1}); reply.Status != wire.StatusBadRequest {
		t.Errorf("after a position that is yet to come: %+v", reply)
	}
	for _, q := range []wire.WatchQuery{{From: strings.Repeat("k", 1026)}, {To: strings.Repeat("k", 1026)}} {
		if reply := h.Watch(r, &q); reply.Status != wire.StatusBadRequest {
			t.Errorf("a bound of 1,026 bytes: %+v", reply)
		}
	}
	for id := range uint64(MaxWatches) {
		if reply := h.Watch(r, &wire.WatchQuery{Watch: id}); reply.Status != wire.StatusOK {
			t.Fatalf("watch %d: %+v", id, reply)
		}
	}
	if reply := h.Watch(r, &wire.WatchQuery{Watch: 5}); reply.Status != wire.StatusBadRequest {
		t.Errorf("a number twice: %+v", reply)
	}
	if reply := h.Watch(r, &wire.WatchQuery{Watch: MaxWatches}); reply.Status != wire.StatusUnavailable {
		t.Errorf("one watch too many: %+v", reply)
	}
	h.Gone(r)
	if len(h.conns) != 0 || len(h.order) != 0 || len(h.behind) != 0 {
		t.Errorf("%d connections and %d watches are left", len(h.conns), len(h.behind))
	}
}

// TestReaderThatCatchesUpUnseen holds that a watch goes on whose connection has room again
// before the hub's host asks whether any watch waits for it.
func TestReaderThatCatchesUpUnseen(t *testing.T) {
	n := newNode()
	h, r := NewHub(n.Store), &recorder{t: t}
	h.Watch(r, &wire.WatchQuery{Watch: 1, Credit: 17})
	h.Watch(r, &wire.WatchQuery{Watch: 2, From: "b", Credit: 17})
	settle(h)
	n.set("a", "1")
	settle(h) // the first has no credit any more
	if h.Waits() {
		t.Fatal("a watch without credit waits for its reader")
	}
	r.full = true
	h.Credit(r, 1, 10)
	h.Credit(r, 1, 10)
	n.set("b", "2")
	settle(h)
	r.full = false
	if !h.Waits() || len(r.events) != 1 {
		t.Fatalf("waits %v, %d events", h.Waits(), len(r.events))
	}
	h.Ready()
	settle(h)
	if got := len(r.events) + len(r.ids[len(r.ids)-1]); h.Waits() || got < 3 {
		t.Fatalf("waits %v, %+v for %v", h.Waits(), r.events, r.ids)
	}
	h.Gone(r)
	if h.Waits() {
		t.Error("waits for a connection that is gone")
	}
}
