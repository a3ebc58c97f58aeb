package check

import (
	"bytes"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Watches checks that each watch returns every change of its range after its beginning, in
// the order, once, and nothing else, an expiry as such; that the changes of a position come together, the last
// of them marked; that the values of before are right; and that neither progress nor the end
// of a watch that lags claims more than was sent.
type Watches struct {
	tally
	position uint64 // up to which the order is known
	log      []change
	list     []*Watch
}

// change is what the order has done to a variable.
type change struct {
	position uint64
	key      string
	now, old version
}

// Watch is what its caller has been returned of a watch.
type Watch struct {
	of       *Watches
	name     string
	from, to string
	old      bool
	next     int          // of the log
	inside   bool         // the last change at a position has yet to come
	early    []wire.Event // that the order has not come to
	over     bool         // nothing more is looked at
}

// maxEarly bounds the events of a watch that the order has not come to.
const maxEarly = 1 << 16

// NewWatches returns the check of the order after position origin.
func NewWatches(origin uint64) *Watches {
	return &Watches{tally: tally{name: "watches"}, position: origin}
}

// changed takes a change at the place that the order has come to.
func (c *Watches) changed(key string, now, old version) {
	c.log = append(c.log, change{position: now.position, key: key, now: now, old: old})
}

// order notes that all changes up to a position are known.
func (c *Watches) order(position uint64) {
	c.position = position
	for _, w := range c.list {
		for len(w.early) > 0 && w.early[0].Position <= position {
			e := w.early[0]
			w.early = w.early[1:]
			w.take(&e)
		}
	}
}

// Begin takes the beginning of a watch of the keys from from on and below to, "" for no upper
// bound, after a position. With old, changes carry the value of before.
func (c *Watches) Begin(name, from, to string, old bool, after uint64) *Watch {
	w := &Watch{of: c, name: name, from: from, to: to, old: old}
	for w.next < len(c.log) && c.log[w.next].position <= after {
		w.next++
	}
	if after > c.position { // the changes up to after are none of its own
		w.early = append(w.early, wire.Event{Kind: skipTo, Position: after})
	}
	c.list = append(c.list, w)
	return w
}

// skipTo is the kind of an event that has a watch pass over what is before its beginning.
const skipTo wire.EventKind = 0

// Event takes the next event that the watch has returned to its caller, once it goes on over
// fail-overs. Of ends, only that with StatusLagged is one.
func (w *Watch) Event(e *wire.Event) {
	if w.over {
		return
	}
	w.of.events++
	if len(w.early) == 0 && e.Position <= w.of.position {
		w.take(e)
		return
	}
	if len(w.early) >= maxEarly {
		w.of.miss("%s: too many events wait for the order", w.name)
		w.over = true
		return
	}
	kept := *e
	kept.Value, kept.Old = bytes.Clone(e.Value), bytes.Clone(e.Old)
	w.early = append(w.early, kept)
}

// Stop takes the end of a watch that its caller does not want any more.
func (w *Watch) Stop() { w.over = true }

// Behind reports whether a change that the order has, as far as it is known, has not come.
func (w *Watch) Behind() bool {
	return !w.over && (w.inside || w.skip() < len(w.of.log))
}

// skip passes over changes of other keys, and returns the number of the next of its own.
func (w *Watch) skip() int {
	for w.next < len(w.of.log) && !w.has(w.of.log[w.next].key) {
		w.next++
	}
	return w.next
}

func (w *Watch) has(key string) bool { return key >= w.from && (w.to == "" || key < w.to) }

// take holds an event against the order, which has come to its position.
func (w *Watch) take(e *wire.Event) {
	switch e.Kind {
	case skipTo:
		for w.next < len(w.of.log) && w.of.log[w.next].position <= e.Position {
			w.next++
		}
	case wire.EventProgress, wire.EventEnded:
		if n := w.skip(); w.inside || n < len(w.of.log) && w.of.log[n].position <= e.Position {
			w.fail("claims that all up to position %d has come, and lacks %s", e.Position, w.due())
		}
		w.over = w.over || e.Kind == wire.EventEnded
	default:
		w.change(e)
	}
}

// change holds a change against the next one of the order.
func (w *Watch) change(e *wire.Event) {
	n := w.skip()
	if n == len(w.of.log) {
		w.fail("returns a change of %q at position %d that the order does not have, or a second time", e.Key, e.Position)
		return
	}
	want := &w.of.log[n]
	absent := want.now.absent
	switch {
	case e.Position != want.position || e.Key != want.key:
		w.fail("returns a change of %q at position %d, and next is %s", e.Key, e.Position, w.due())
		return
	case e.Kind != want.now.kind() || !absent && xxh3.Hash(e.Value) != want.now.hash && !want.now.opaque:
		w.fail("returns %s for %q at position %d, which is %s", eventText(e), e.Key, e.Position, want.now.text())
		return
	}
	old := want.old
	if !w.old {
		old = version{absent: true}
	}
	if e.OldVersion != old.shown() || !old.absent && xxh3.Hash(e.Old) != old.hash && !old.opaque {
		w.fail("returns %s of version %d for what %q was before position %d, which is %s",
			valueText(e.Old), e.OldVersion, e.Key, e.Position, old.text())
		return
	}
	w.next++
	n = w.skip()
	if last := n == len(w.of.log) || w.of.log[n].position != e.Position; last != e.Last {
		w.fail("marks the change of %q at position %d as the last there: %v", e.Key, e.Position, e.Last)
		return
	}
	w.inside = !e.Last
}

// kind is that of the change to a version.
func (v version) kind() wire.EventKind {
	switch {
	case v.expired:
		return wire.EventExpire
	case v.absent:
		return wire.EventDelete
	default:
		return wire.EventPut
	}
}

// eventText describes what a change is said to have done.
func eventText(e *wire.Event) string {
	switch e.Kind {
	case wire.EventPut:
		return valueText(e.Value)
	case wire.EventDelete:
		return "a delete"
	case wire.EventExpire:
		return "an expiry"
	default:
		return fmt.Sprintf("an event of kind %d", e.Kind)
	}
}

// due describes the next change.
func (w *Watch) due() string {
	if n := w.skip(); n < len(w.of.log) {
		return fmt.Sprintf("that of %q at position %d", w.of.log[n].key, w.of.log[n].position)
	}
	return "the last change of a position"
}

// fail counts a violation, after which the watch says nothing more.
func (w *Watch) fail(format string, args ...any) {
	w.over = true
	w.of.violate("%s %s", w.name, fmt.Sprintf(format, args...))
}

// Finish reports events of positions that the order never reached.
func (c *Watches) Finish() Result {
	for _, w := range c.list {
		if len(w.early) > 0 && !w.over {
			c.miss("%s: the order is known only up to position %d", w.name, c.position)
		}
	}
	return c.result(fmt.Sprintf("%d watches: each change once, in order, with what was before", len(c.list)),
		"all changes, with values as hashes")
}
