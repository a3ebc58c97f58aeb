package watch

import (
	"cmp"
	"maps"
	"slices"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// conn is a connection with its watches.
type conn struct {
	hub     *Hub
	sink    Sink
	watches map[uint64]*watch
	waiting int // of them: parked with credit, until the connection has room

	out   []byte // frames with events that are not sent yet
	start int    // of the frame under way, -1: none is
	dirty bool   // it is in Hub.dirty

	// The watches that have taken the change that is being sent: without or with the value of
	// before, and those for which it is not or is the last at its position.
	taken   [2][2][]uint64
	touched bool // there are such
}

// sorted returns the watches by number, so that equal runs are alike.
func (c *conn) sorted() []*watch {
	return slices.SortedFunc(maps.Values(c.watches), func(a, b *watch) int { return cmp.Compare(a.id, b.id) })
}

// take notes that a watch is sent a change.
func (w *watch) take(change *store.Change, last bool) {
	c := w.conn
	if !c.touched {
		c.touched = true
		c.hub.touched = append(c.hub.touched, c)
	}
	bytes := wire.EventBytes + len(change.Key) + len(change.Value)
	with, end := 0, 0
	if w.flags&wire.WatchOld != 0 && change.OldVersion != 0 {
		bytes += len(change.Old)
		with = 1
	}
	if last {
		end = 1
	}
	c.taken[with][end] = append(c.taken[with][end], w.id)
	w.credit -= int64(bytes)
	w.told = true
}

// emit encodes a change for those who have taken it, a few times at most for each
// connection.
func (h *Hub) emit(change *store.Change) {
	for _, c := range h.touched {
		for with := range c.taken {
			for end := range c.taken[with] {
				watches := c.taken[with][end]
				if len(watches) == 0 {
					continue
				}
				e := wire.Event{Kind: wire.EventPut, Last: end == 1, Position: change.Position, Key: change.Key, Value: change.Value}
				switch {
				case change.Expired:
					e.Kind = wire.EventExpire
				case change.Deleted:
					e.Kind = wire.EventDelete
				}
				if with == 1 {
					e.OldVersion, e.Old = change.OldVersion, change.Old
				}
				c.event(watches, &e)
				c.taken[with][end] = watches[:0]
			}
		}
		c.touched = false
	}
	clear(h.touched)
	h.touched = h.touched[:0]
}

// event adds an event to the frame under way.
func (c *conn) event(watches []uint64, e *wire.Event) {
	if !c.dirty {
		c.dirty = true
		c.hub.dirty = append(c.hub.dirty, c)
	}
	if c.start < 0 {
		c.start = len(c.out)
		c.out = wire.BeginFrame(c.out, wire.FrameEvents)
	}
	c.out = wire.AppendEvent(c.out, watches, e)
	if len(c.out)-c.start >= frameBytes {
		c.endFrame()
	}
}

func (c *conn) endFrame() {
	if c.start >= 0 {
		c.out = wire.EndFrame(c.out, c.start)
		c.start = -1
	}
}

// keptBytes is how much memory for frames a connection keeps.
const keptBytes = 4 * frameBytes

// flush sends what has been encoded.
func (h *Hub) flush() {
	for _, c := range h.dirty {
		c.endFrame()
		c.sink.Send(c.out)
		c.out, c.dirty = c.out[:0], false
		if cap(c.out) > keptBytes {
			c.out = nil
		}
	}
	clear(h.dirty)
	h.dirty = h.dirty[:0]
}

// ranges finds the live watches of a key: by the key itself, by its prefixes, and by looking
// at all other ranges.
type ranges struct {
	keys     map[string][]*watch
	prefixes map[string][]*watch
	lengths  []int       // of the prefixes, each once
	counts   map[int]int // of the prefixes of each length
	others   []*watch
}

func newRanges() ranges {
	return ranges{keys: make(map[string][]*watch), prefixes: make(map[string][]*watch), counts: make(map[int]int)}
}

// place is the list in which a watch stands.
func (r *ranges) place(w *watch) (in map[string][]*watch, prefix bool) {
	switch w.keys {
	case store.Range{From: w.keys.From, To: w.keys.From + "\x00"}:
		return r.keys, false
	case store.PrefixRange(w.keys.From):
		return r.prefixes, true
	}
	return nil, false
}

func (r *ranges) add(w *watch) {
	in, prefix := r.place(w)
	if in == nil {
		w.index = len(r.others)
		r.others = append(r.others, w)
		return
	}
	list := in[w.keys.From]
	if n := len(w.keys.From); prefix && len(list) == 0 {
		if r.counts[n]++; r.counts[n] == 1 {
			r.lengths = append(r.lengths, n)
		}
	}
	w.index = len(list)
	in[w.keys.From] = append(list, w)
}

func (r *ranges) remove(w *watch) {
	in, prefix := r.place(w)
	if in == nil {
		r.others = without(r.others, w)
		return
	}
	list := without(in[w.keys.From], w)
	if len(list) > 0 {
		in[w.keys.From] = list
		return
	}
	delete(in, w.keys.From)
	if prefix {
		n := len(w.keys.From)
		if r.counts[n]--; r.counts[n] == 0 {
			delete(r.counts, n)
			r.lengths = slices.DeleteFunc(r.lengths, func(length int) bool { return length == n })
		}
	}
}

// without takes a watch out of a list. The last takes its place.
func without(list []*watch, w *watch) []*watch {
	last := list[len(list)-1]
	list[w.index], last.index = last, w.index
	list[len(list)-1] = nil
	return list[:len(list)-1]
}

// matching calls visit for each watch of a key.
func (r *ranges) matching(key string, visit func(*watch)) {
	for _, w := range r.keys[key] {
		visit(w)
	}
	for _, n := range r.lengths {
		if n <= len(key) {
			for _, w := range r.prefixes[key[:n]] {
				visit(w)
			}
		}
	}
	for _, w := range r.others {
		if w.keys.Has(key) {
			visit(w)
		}
	}
}

// all appends all watches to dst.
func (r *ranges) all(dst []*watch) []*watch {
	for _, in := range []map[string][]*watch{r.keys, r.prefixes} {
		for _, key := range slices.Sorted(maps.Keys(in)) {
			dst = append(dst, in[key]...)
		}
	}
	return append(dst, r.others...)
}
