package watch

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// world is a store with a hub, and what clients have seen.
type world struct {
	t       *rapid.T
	s       *store.Store
	whole   *store.Store // the same, with all that has changed
	hub     *Hub
	out     store.Outcome
	seq     uint64
	changes []store.Change // all there were
	sinks   []*sink
	clients []*client
	next    uint64
}

// sink is a connection.
type sink struct {
	w    *world
	full bool
}

func (s *sink) Room() bool { return !s.full }

// Send is part of Sink: it gives each event to its client.
func (s *sink) Send(frames []byte) {
	reader := wire.NewFrameReader(strings.NewReader(string(frames)), 1<<20)
	for {
		kind, body, err := reader.Next()
		if err != nil {
			return
		}
		if kind != wire.FrameEvents {
			s.w.t.Fatalf("a frame of kind %d", kind)
		}
		var r wire.EventReader
		r.Reset(body)
		for {
			ids, e, ok := r.Next()
			if !ok {
				break
			}
			e.Key, e.Value, e.Old = strings.Clone(e.Key), slices.Clone(e.Value), slices.Clone(e.Old)
			for _, id := range ids {
				s.w.client(s, id).take(e)
			}
		}
		if r.Bad() {
			s.w.t.Fatal("a malformed frame")
		}
	}
}

// client is who watches.
type client struct {
	w        *world
	sink     *sink
	id       uint64
	keys     store.Range
	flags    wire.WatchFlags
	after    uint64
	position uint64 // everything up to it has come
	open     uint64 // position whose last change has not come yet
	done     int    // changes at open that have come
	credit   int64
	ended    *wire.Event
	gone     bool
}

func (w *world) client(s *sink, id uint64) *client {
	for _, c := range w.clients {
		if c.sink == s && c.id == id {
			return c
		}
	}
	w.t.Fatalf("an event for watch %d", id)
	return nil
}

func (w *world) apply(commands int) {
	var payload []byte
	first := w.s.Applied() + 1
	for range commands {
		w.seq++
		c := w.command(rapid.SampledFrom(keys).Draw(w.t, "key"))
		payload = c.Append(payload)
	}
	before := uint64(len(w.changes))
	w.s.ApplyMessage(first, commands, payload, &w.out)
	var err error
	w.whole.ApplyMessage(first, commands, payload, &w.out)
	if w.changes, _, _, err = w.whole.AppendChanges(w.changes, before, 1000); err != nil {
		w.t.Fatal(err)
	}
}

// command writes or deletes a variable, gives it a short TTL, or lets time pass.
func (w *world) command(key string) wire.Command {
	c := wire.Command{Op: wire.OpSet, Session: 1, Seq: w.seq, Floor: w.seq, Key: key}
	switch rapid.IntRange(0, 6).Draw(w.t, "command") {
	case 0, 1:
		c.Op = wire.OpDelete
	case 2, 3:
		txn := wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: key, Value: fmt.Append(nil, "v", w.seq), TTL: 1}}}
		return wire.Command{Op: wire.OpTxn, Session: 1, Seq: w.seq, Floor: w.seq, Value: txn.Append(nil)}
	case 4:
		return wire.Command{Op: wire.OpClock, Delta: 3, Expect: w.s.Applied()}
	default:
		c.Value = fmt.Append(nil, "v", w.seq)
	}
	return c
}

var keys = []string{"a", "a/1", "a/2", "b", "b/1", "c"}

// take checks an event against what there was.
func (c *client) take(e wire.Event) {
	t := c.w.t
	if c.ended != nil || c.gone {
		t.Fatalf("watch %d: %+v after its end", c.id, e)
	}
	switch e.Kind {
	case wire.EventProgress:
		if next := c.next(); c.open != 0 || next != nil && next.Position <= e.Position {
			t.Fatalf("watch %d: progress to %d, but %+v has not come", c.id, e.Position, next)
		}
		c.position = max(c.position, e.Position)
	case wire.EventEnded:
		if c.open != 0 {
			t.Fatalf("watch %d ends within position %d", c.id, c.open)
		}
		if next := c.next(); next != nil && next.Position <= e.Position {
			t.Fatalf("watch %d ends at %d, but %+v has not come", c.id, e.Position, next)
		}
		c.ended = &e
	default:
		c.change(e)
	}
}

// next is the change that comes next.
func (c *client) next() *store.Change {
	done := c.done
	for i := range c.w.changes {
		change := &c.w.changes[i]
		switch {
		case change.Position <= c.position || !c.keys.Has(change.Key):
		case change.Position == c.open && done > 0:
			done--
		default:
			return change
		}
	}
	return nil
}

func (c *client) change(e wire.Event) {
	want := c.next()
	if c.credit <= 0 && c.open == 0 {
		c.w.t.Fatalf("watch %d: %+v, and it has no credit", c.id, e)
	}
	kind := wire.EventPut
	switch {
	case want == nil:
	case want.Expired:
		kind = wire.EventExpire
	case want.Deleted:
		kind = wire.EventDelete
	}
	if want == nil || e.Kind != kind || e.Key != want.Key || e.Position != want.Position || string(e.Value) != string(want.Value) {
		c.w.t.Fatalf("watch %d: %+v, want %+v", c.id, e, want)
	}
	if c.flags&wire.WatchOld != 0 && (e.OldVersion != want.OldVersion || string(e.Old) != string(want.Old)) || c.flags&wire.WatchOld == 0 && e.OldVersion != 0 {
		c.w.t.Fatalf("watch %d: %+v, want it after %d %q", c.id, e, want.OldVersion, want.Old)
	}
	c.credit -= int64(wire.EventBytes + len(e.Key) + len(e.Value) + len(e.Old))
	c.open, c.done = e.Position, c.done+1
	next := c.next()
	if last := next == nil || next.Position != e.Position; e.Last != last {
		c.w.t.Fatalf("watch %d: %+v is the last at its position: %v", c.id, e, last)
	}
	if e.Last {
		c.position, c.open, c.done = e.Position, 0, 0
	}
}

// watch begins a watch.
func (w *world) watch() {
	c := &client{w: w, sink: rapid.SampledFrom(w.sinks).Draw(w.t, "sink")}
	w.next++
	c.id = w.next
	switch rapid.IntRange(0, 2).Draw(w.t, "range") {
	case 0:
		key := rapid.SampledFrom(keys).Draw(w.t, "watched key")
		c.keys = store.Range{From: key, To: key + "\x00"}
	case 1:
		c.keys = store.PrefixRange(rapid.SampledFrom([]string{"", "a", "a/", "b", "x"}).Draw(w.t, "prefix"))
	default:
		c.keys = store.Range{From: "a/2", To: rapid.SampledFrom([]string{"b/", "", "a"}).Draw(w.t, "to")}
	}
	if rapid.Bool().Draw(w.t, "old") {
		c.flags |= wire.WatchOld
	}
	credit := rapid.SampledFrom([]uint64{0, 1, 60, 1000, 1 << 62}).Draw(w.t, "credit")
	if rapid.Bool().Draw(w.t, "after") {
		c.flags |= wire.WatchAfter
		c.after = rapid.Uint64Range(0, w.s.Applied()).Draw(w.t, "after")
	}
	c.credit = grant(0, credit)
	w.clients = append(w.clients, c)
	q := wire.WatchQuery{Watch: c.id, From: c.keys.From, To: c.keys.To, Flags: c.flags, After: c.after, Credit: credit}
	reply := w.hub.Watch(c.sink, &q)
	if c.flags&wire.WatchAfter != 0 && c.after < w.s.Kept() {
		if reply.Status != wire.StatusLagged || reply.Version != w.s.Kept() {
			w.t.Fatalf("a watch after %d: %+v, and changes are kept from %d on", c.after, reply, w.s.Kept())
		}
		c.gone = true
		return
	}
	c.position = w.s.Applied()
	if c.flags&wire.WatchAfter != 0 {
		c.position = c.after
	}
	if reply.Status != wire.StatusOK || reply.Position != c.position {
		w.t.Fatalf("a watch begins with %+v, want position %d", reply, c.position)
	}
}

// alive returns a watch that has not ended, nil if there is none.
func (w *world) alive() *client {
	var list []*client
	for _, c := range w.clients {
		if c.ended == nil && !c.gone {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return rapid.SampledFrom(list).Draw(w.t, "watch")
}

func (w *world) grant(c *client, bytes uint64) {
	c.credit = grant(c.credit, bytes)
	w.hub.Credit(c.sink, c.id, bytes)
}

// TestHub does everything in any order. In the end all that may be sent is sent.
func TestHub(t *testing.T) { rapid.Check(t, hub) }

func hub(t *rapid.T) {
	w := newWorld(t, rapid.SampledFrom([]int{1, 2_000, 1 << 20}).Draw(t, "history"))
	for range rapid.IntRange(1, 60).Draw(t, "actions") {
		w.act()
	}
	for _, s := range w.sinks {
		s.full = false
	}
	for _, c := range w.clients {
		if c.ended == nil && !c.gone {
			w.grant(c, 1<<62)
		}
	}
	w.hub.Ready()
	w.settle()
	w.hub.Progress()
	w.hub.Progress()
	for _, c := range w.clients {
		switch {
		case c.gone:
		case c.ended != nil:
			if c.ended.Status != wire.StatusLagged && c.ended.Status != wire.StatusUnavailable {
				t.Fatalf("watch %d has ended: %+v", c.id, c.ended)
			}
		case c.position != w.s.Applied():
			t.Fatalf("watch %d has come to %d of %d", c.id, c.position, w.s.Applied())
		}
	}
	if all, live := w.hub.Watches(); all != live {
		t.Fatalf("%d of %d watches are in step", live, all)
	}
}

func newWorld(t *rapid.T, history int) *world {
	w := &world{t: t, s: store.New(store.Limits{})}
	w.whole = store.New(store.Limits{})
	w.s.KeepHistory(history)
	w.whole.KeepHistory(1 << 30)
	for _, s := range []*store.Store{w.s, w.whole} {
		s.ApplyMessage(1, 1, (&wire.Command{Op: wire.OpOpenSession}).Append(nil), &w.out)
	}
	w.hub = NewHub(w.s)
	w.sinks = []*sink{{w: w}, {w: w}}
	return w
}

func (w *world) settle() {
	for n := 0; w.hub.Step(); n++ {
		if n > 10_000 {
			w.t.Fatal("there is always more")
		}
	}
}

func (w *world) act() {
	switch rapid.IntRange(0, 11).Draw(w.t, "action") {
	case 0, 1, 2:
		w.apply(rapid.SampledFrom([]int{1, 1, 3, 10, changesPerStep + 5}).Draw(w.t, "commands"))
	case 3, 4:
		w.watch()
	case 5:
		if c := w.alive(); c != nil {
			w.grant(c, rapid.SampledFrom([]uint64{1, 50, 1000}).Draw(w.t, "bytes"))
		}
	case 6:
		s := rapid.SampledFrom(w.sinks).Draw(w.t, "sink")
		if s.full = !s.full; !s.full {
			w.hub.Ready()
		}
	case 7:
		if c := w.alive(); c != nil && rapid.IntRange(0, 2).Draw(w.t, "unwatch") == 0 {
			w.hub.Unwatch(c.sink, c.id)
			c.gone = true
		}
	case 8:
		w.hub.Progress()
	case 9:
		w.end()
	case 10:
		w.hub.Step()
	default:
		w.settle()
	}
}

// end ends the watches of a connection, or all.
func (w *world) end() {
	switch rapid.IntRange(0, 9).Draw(w.t, "end") {
	case 0:
		w.hub.End(wire.StatusUnavailable, "the test says so")
		if all, _ := w.hub.Watches(); all != 0 {
			w.t.Fatalf("%d watches are left", all)
		}
	case 1:
		s := rapid.SampledFrom(w.sinks).Draw(w.t, "sink")
		w.hub.Gone(s)
		for _, c := range w.clients {
			c.gone = c.gone || c.sink == s
		}
	}
}
