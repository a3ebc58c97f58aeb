package watch

import (
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Sink is a connection to which events are sent.
type Sink interface {
	// Send sends FrameEvents frames. It must not block, and keeps nothing of frames.
	Send(frames []byte)

	// Room reports whether the connection's reader keeps up. While it does not, no more
	// events are sent.
	Room() bool
}

// Bounds of the work of one Step.
const (
	changesPerStep = 256
	frameBytes     = 64 << 10 // at which a frame ends
)

// maxBoundBytes is how long a bound of a range may be: as long as a key, and a byte more for
// the range of one key.
const maxBoundBytes = wire.MaxKeyBytes + 1

// MaxWatches bounds the watches of one connection.
const MaxWatches = 10_000

// Hub serves the watches of a node. It belongs to one goroutine.
type Hub struct {
	store  *store.Store
	conns  map[Sink]*conn
	order  []*conn // the same, in a fixed order
	ranges ranges

	// Live watches have been sent every change before cursor, which is all up to position.
	live     int
	cursor   uint64
	position uint64

	behind  []*watch // those that are not live and may be sent more, in no order
	changes []store.Change
	waiting []*watch // cannot be sent the change that is being sent
	touched []*conn  // have taken the change that is being sent
	dirty   []*conn  // have events that are not sent yet
}

// watch is one watch.
type watch struct {
	id     uint64
	conn   *conn
	keys   store.Range
	flags  wire.WatchFlags
	credit int64

	position uint64 // everything up to it was sent
	told     bool   // the client was sent something since the last Progress
	state    state
	index    int // in its range's list if it is live, in Hub.behind if it is behind

	// Of a live watch: the number of the first change at the position that it was sent last,
	// and the number of the last change for it there. Of another: cursor is the number of the
	// first change that it was not sent.
	cursor uint64
	last   uint64
}

// state is where a watch stands.
type state uint8

const (
	behind state = iota // more is to be sent: changes from cursor on
	parked              // the same, but it may not be sent more now
	live                // it is where the hub is
)

// NewHub returns a hub of a store's changes.
func NewHub(s *store.Store) *Hub {
	return &Hub{store: s, conns: make(map[Sink]*conn), ranges: newRanges()}
}

// Watch begins a watch, and returns the answer to who asks for it. With StatusOK the
// position of the answer is that after which the watch begins. The store must have applied
// the position that q names.
func (h *Hub) Watch(sink Sink, q *wire.WatchQuery) wire.Reply {
	c := h.conns[sink]
	if c == nil {
		c = &conn{hub: h, sink: sink, watches: make(map[uint64]*watch), start: -1}
	}
	position := h.store.Applied()
	if q.Flags&wire.WatchAfter != 0 && q.After > position || c.watches[q.Watch] != nil || max(len(q.From), len(q.To)) > maxBoundBytes {
		return wire.Reply{Status: wire.StatusBadRequest}
	}
	if len(c.watches) >= MaxWatches {
		return wire.Reply{Status: wire.StatusUnavailable, Data: []byte("the connection has as many watches as it may")}
	}
	if q.Flags&wire.WatchAfter != 0 {
		position = q.After
	}
	w := &watch{
		id: q.Watch, conn: c, keys: store.Range{From: strings.Clone(q.From), To: strings.Clone(q.To)}, flags: q.Flags,
		credit: grant(0, q.Credit), position: position,
	}
	var err error
	if w.cursor, err = h.store.Seek(position); err != nil {
		return lagged(position, h.store.Kept())
	}
	if len(c.watches) == 0 {
		h.conns[sink] = c
		h.order = append(h.order, c)
	}
	c.watches[q.Watch] = w
	h.fallBehind(w)
	return wire.Reply{Position: position}
}

// lagged is the answer to who wants changes after a position that are not kept any more.
func lagged(position, oldest uint64) wire.Reply {
	return wire.Reply{Status: wire.StatusLagged, Position: position, Version: oldest, Data: []byte("the changes since that position are not kept any more")}
}

// Credit grants a watch more bytes. It does nothing if there is no such watch.
func (h *Hub) Credit(sink Sink, id, bytes uint64) {
	if w := h.find(sink, id); w != nil {
		before := w.credit
		w.credit = grant(w.credit, bytes)
		if w.state == parked && before <= 0 && w.credit > 0 {
			w.conn.waiting++
		}
		h.unpark(w)
	}
}

// Ready goes on with the watches of connections that have room again. Whether there are any
// that wait for it, Waits reports.
func (h *Hub) Ready() {
	for _, c := range h.order {
		if c.waiting > 0 && c.sink.Room() {
			for _, w := range c.sorted() {
				h.unpark(w)
			}
		}
	}
}

// Waits reports whether a watch with credit waits for its connection's reader, as far as the
// hub knows: the connection may have room by now, and then it is for Ready to go on.
func (h *Hub) Waits() bool {
	for _, c := range h.order {
		if c.waiting > 0 {
			return true
		}
	}
	return false
}

// unpark has a watch that may be sent more go on.
func (h *Hub) unpark(w *watch) {
	if w.state == parked && w.mayBeSent() {
		h.leave(w)
		h.fallBehind(w)
	}
}

// park has a watch wait until it may be sent more.
func (h *Hub) park(w *watch) {
	h.leave(w)
	w.state = parked
	if w.credit > 0 {
		w.conn.waiting++
	}
}

// mostCredit bounds what a watch may be granted.
const mostCredit = 1 << 40

func grant(credit int64, bytes uint64) int64 {
	return min(credit+int64(min(bytes, mostCredit)), mostCredit)
}

// Unwatch ends a watch. It does nothing if there is no such watch.
func (h *Hub) Unwatch(sink Sink, id uint64) {
	if w := h.find(sink, id); w != nil {
		h.remove(w)
	}
}

// Gone ends the watches of a connection that is gone.
func (h *Hub) Gone(sink Sink) {
	if c := h.conns[sink]; c != nil {
		for _, w := range c.watches {
			h.remove(w)
		}
	}
}

// End ends all watches, for a reason that their clients are told.
func (h *Hub) End(status wire.Status, reason string) {
	for _, c := range slices.Clone(h.order) {
		for _, w := range c.sorted() {
			h.end(w, status, reason)
		}
	}
	h.flush()
}

// Idle reports whether there are no watches.
func (h *Hub) Idle() bool { return len(h.conns) == 0 }

// Watches returns how many watches there are, and how many of them are live.
func (h *Hub) Watches() (all, inStep int) {
	for _, c := range h.order {
		all += len(c.watches)
	}
	return all, h.live
}

func (h *Hub) find(sink Sink, id uint64) *watch {
	if c := h.conns[sink]; c != nil {
		return c.watches[id]
	}
	return nil
}

// end tells a watch why it ends, and removes it.
func (h *Hub) end(w *watch, status wire.Status, reason string) {
	w.conn.event([]uint64{w.id}, &wire.Event{Kind: wire.EventEnded, Status: status, Last: true, Position: w.position, Value: []byte(reason)})
	h.remove(w)
}

func (h *Hub) remove(w *watch) {
	h.leave(w)
	c := w.conn
	delete(c.watches, w.id)
	if len(c.watches) == 0 {
		delete(h.conns, c.sink)
		h.order = slices.DeleteFunc(h.order, func(other *conn) bool { return other == c })
	}
}

// leave takes a watch out of the list in which it stands.
func (h *Hub) leave(w *watch) {
	switch w.state {
	case live:
		h.live--
		h.ranges.remove(w)
	case parked:
		if w.credit > 0 {
			w.conn.waiting--
		}
	case behind:
		h.behind = without(h.behind, w)
	}
}

// fallBehind puts a watch that is in no list among those that are sent more on their own.
func (h *Hub) fallBehind(w *watch) {
	w.state, w.index = behind, len(h.behind)
	h.behind = append(h.behind, w)
}

// Step sends what may be sent now, or a part of it. It reports whether there is more that
// may: then the caller calls it again. Otherwise it calls it when more was applied, credit
// was granted, or a connection has room again.
func (h *Hub) Step() (more bool) {
	more = h.stepLive()
	// Backwards: who leaves the list leaves its place to one that was visited.
	for i := len(h.behind) - 1; i >= 0; i-- {
		w := h.behind[i]
		switch {
		case !w.mayBeSent():
			h.park(w)
		default:
			more = h.stepBehind(w) || more
		}
	}
	h.flush()
	return more
}

func (w *watch) mayBeSent() bool { return w.credit > 0 && w.conn.sink.Room() }

// stepLive sends the next changes to those who share the hub's cursor.
func (h *Hub) stepLive() (more bool) {
	if h.live == 0 {
		return false
	}
	changes, next, position, err := h.store.AppendChanges(h.changes[:0], h.cursor, changesPerStep)
	h.changes = changes
	defer clear(h.changes)
	if err != nil {
		h.waiting = h.ranges.all(h.waiting)
		for _, w := range h.waiting {
			h.moveBehind(w, h.cursor, h.position) // where they are told
		}
		h.waiting = h.waiting[:0]
		return true
	}
	for i := 0; i < len(changes); {
		n := atOnePosition(changes[i:])
		h.sendLive(changes[i:i+n], h.cursor+uint64(i))
		i += n
	}
	h.cursor, h.position = next, position
	return len(changes) >= changesPerStep
}

// atOnePosition is how many of the first changes have the same position.
func atOnePosition(changes []store.Change) int {
	n := 1
	for !changes[n-1].Last {
		n++
	}
	return n
}

// sendLive sends the changes at one position, of which the first has a number.
func (h *Hub) sendLive(changes []store.Change, number uint64) {
	// First see who gets which of them, so that each watch gets all or nothing of them, and
	// its last one is marked.
	for i := range changes {
		h.ranges.matching(changes[i].Key, func(w *watch) {
			switch {
			case w.cursor != number && !w.mayBeSent():
				w.cursor, w.last = number, noChange
				h.waiting = append(h.waiting, w)
			case w.cursor != number || w.last != noChange:
				w.cursor, w.last = number, number+uint64(i)
			}
		})
	}
	for _, w := range h.waiting {
		h.moveBehind(w, number, changes[0].Position-1)
	}
	clear(h.waiting)
	h.waiting = h.waiting[:0]
	for i := range changes {
		c := &changes[i]
		h.ranges.matching(c.Key, func(w *watch) {
			w.take(c, w.last == number+uint64(i))
			w.position = c.Position
		})
		h.emit(c)
	}
}

// moveBehind makes a live watch one that goes on alone, from a change on. It has been sent
// everything up to a position.
func (h *Hub) moveBehind(w *watch, cursor, position uint64) {
	h.leave(w)
	if planted.On(planted.WatchSkips) {
		cursor++
	}
	w.cursor, w.position = cursor, max(w.position, position)
	h.fallBehind(w)
}

// stepBehind sends the next changes to a watch that is not live, and reports whether there
// are more for it.
func (h *Hub) stepBehind(w *watch) (more bool) {
	if h.live > 0 && w.cursor > h.cursor {
		return true // the hub comes there with its next step
	}
	changes, next, position, err := h.store.AppendChanges(h.changes[:0], w.cursor, changesPerStep)
	h.changes = changes
	defer clear(h.changes)
	if err != nil {
		h.end(w, wire.StatusLagged, "the watch fell too far behind: the changes since its position are not kept any more")
		return false
	}
	for i := 0; i < len(changes); {
		if h.live > 0 && w.cursor == h.cursor {
			h.join(w)
			return false
		}
		if !w.mayBeSent() {
			w.position = max(w.position, changes[i].Position-1)
			h.park(w)
			return false
		}
		n := atOnePosition(changes[i:])
		h.sendOne(w, changes[i:i+n])
		i += n
		w.cursor += uint64(n)
	}
	w.cursor, w.position = next, max(w.position, position)
	if len(changes) >= changesPerStep {
		return true
	}
	if h.live == 0 {
		h.cursor, h.position = next, position
	}
	if w.cursor == h.cursor {
		h.join(w)
		return false
	}
	return true
}

// sendOne sends a watch the changes at one position that are for it.
func (h *Hub) sendOne(w *watch, changes []store.Change) {
	last := -1
	for i := range changes {
		if w.keys.Has(changes[i].Key) {
			last = i
		}
	}
	for i := range last + 1 {
		if c := &changes[i]; w.keys.Has(c.Key) {
			w.take(c, i == last)
			h.emit(c)
		}
	}
}

// join makes a watch live that is where the hub is.
func (h *Hub) join(w *watch) {
	h.leave(w)
	w.state, w.cursor, w.position = live, noChange, max(w.position, h.position)
	h.live++
	h.ranges.add(w)
}

// noChange is the number of no change.
const noChange = 1<<64 - 1

// Progress tells the live watches that were sent nothing since the last call up to which
// position they have seen everything. The caller calls it about as often as a client may
// wonder whether its node is alive.
func (h *Hub) Progress() {
	for _, c := range h.order {
		var idle []uint64
		for _, w := range c.sorted() {
			if w.state == live && !w.told && c.sink.Room() {
				idle = append(idle, w.id)
				w.position = max(w.position, h.position)
			}
			w.told = false
		}
		if len(idle) > 0 {
			c.event(idle, &wire.Event{Kind: wire.EventProgress, Last: true, Position: h.position})
		}
	}
	h.flush()
}
