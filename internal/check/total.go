package check

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Bounds of TotalOrder, in messages.
const (
	keepMessages    = 1 << 16
	maxMessages     = 1 << 20
	maxAheadOfOrder = 1 << 16 // of a stream that begins ahead of the order
)

// TotalOrder holds the streams of all nodes against each other, message by
// message. The first node to deliver a message adds it to the order; each
// other must then deliver the same, at the same positions, with the same
// effects. A stream may begin anywhere (a joiner's snapshot) and end anywhere
// (a crash), but has no gap and no repeat.
type TotalOrder struct {
	tally
	keep, max int // messages kept for a node whose stream begins late, and for one that is behind

	names   []string // of streams, as they appeared
	streams map[string]*stream
	ring    []message // the messages from index base on
	base    uint64
	next    uint64 // position after the order's last command
	origin  uint64 // nothing up to here is checked
	waiting int    // streams ahead of the order
	first   uint64 // view of the first message: what came before it there may not be known
	view    uint64 // of the newest
	last    map[sender]fifo
	ids     map[string]string // of senders, since those of deliveries alias frames
	fresh   func(*wire.Delivery)
}

// sender is one run of a node.
type sender struct {
	id          string
	incarnation uint64
}

// message is what is kept of a message.
type message struct {
	sender
	view, seq uint64
	first     uint64
	count     int
	payload   uint64 // hash
	effects   uint64 // hash
}

// fifo is the newest message of a sender.
type fifo struct{ view, seq uint64 }

// stream is one node's deliveries.
type stream struct {
	started bool
	ended   bool
	index   uint64 // of the next message
	next    uint64 // position of the next command
	ahead   []wire.Delivery
}

// NewTotalOrder returns a check of the order after position origin. It calls
// fresh with each message, in order, as it becomes part of the order.
func NewTotalOrder(origin uint64, fresh func(*wire.Delivery)) *TotalOrder {
	return &TotalOrder{
		tally: tally{name: "total order"},
		keep:  keepMessages, max: maxMessages,
		streams: make(map[string]*stream),
		next:    origin + 1,
		origin:  origin,
		last:    make(map[sender]fifo),
		ids:     make(map[string]string),
		fresh:   fresh,
	}
}

// Join tells of a stream before its first delivery, so that messages are kept
// for it.
func (t *TotalOrder) Join(name string) { t.stream(name) }

func (t *TotalOrder) stream(name string) *stream {
	s := t.streams[name]
	if s == nil {
		s = &stream{}
		t.streams[name] = s
		t.names = append(t.names, name)
	}
	return s
}

// Deliver takes the next delivery of a stream. It keeps the payload only if
// the stream begins ahead of the order.
func (t *TotalOrder) Deliver(name string, d *wire.Delivery) {
	if d.First+uint64(d.Count) <= t.origin+1 {
		return
	}
	s := t.stream(name)
	if !s.started && d.First > t.next {
		if len(s.ahead) == maxAheadOfOrder {
			t.miss("%s begins at position %d, to which the order did not come in time", name, s.ahead[0].First)
			return
		}
		if len(s.ahead) == 0 {
			t.waiting++
		}
		s.ahead = append(s.ahead, *d)
		return
	}
	t.deliver(name, s, d)
	if t.waiting > 0 {
		t.releaseAhead()
	}
}

// releaseAhead goes on with streams that the order has reached.
func (t *TotalOrder) releaseAhead() {
	for again := true; again; {
		again = false
		for _, name := range t.names {
			s := t.streams[name]
			if len(s.ahead) == 0 || s.ahead[0].First > t.next {
				continue
			}
			held := s.ahead
			s.ahead = nil
			t.waiting--
			for i := range held {
				t.deliver(name, s, &held[i])
			}
			again = true
		}
	}
}

func (t *TotalOrder) deliver(name string, s *stream, d *wire.Delivery) {
	t.events += uint64(d.Count)
	if !s.started && !t.start(name, s, d) {
		return
	}
	switch {
	case d.First < s.next:
		t.violate("%s delivered %s again, after position %d", name, describe(d), s.next-1)
		return
	case d.First > s.next:
		t.violate("%s delivered %s after position %d: there is a gap", name, describe(d), s.next-1)
		s.index = t.find(d.First)
	}
	s.next = d.First + uint64(d.Count)
	end := t.base + uint64(len(t.ring))
	switch {
	case s.index < t.base:
		t.miss("%s is more than %d messages behind at position %d", name, len(t.ring), d.First)
		s.index = t.find(s.next)
	case s.index == end && d.First < t.next:
		t.violate("%s delivered %s, of which others delivered a part otherwise", name, describe(d))
	case s.index == end:
		t.extend(name, d)
		s.index++
	case t.compare(name, &t.ring[s.index-t.base], d):
		s.index++
	default:
		s.index = t.find(s.next)
	}
}

// start finds where in the order a stream begins.
func (t *TotalOrder) start(name string, s *stream, d *wire.Delivery) bool {
	if len(t.ring) > 0 && d.First < t.ring[0].first {
		t.miss("%s begins at position %d, and the order is kept only from %d on", name, d.First, t.ring[0].first)
		return false
	}
	s.started, s.index, s.next = true, t.find(d.First), d.First
	return true
}

// find returns the index of the first message at or after a position.
func (t *TotalOrder) find(position uint64) uint64 {
	return t.base + uint64(sort.Search(len(t.ring), func(i int) bool { return t.ring[i].first >= position }))
}

// extend makes d the next message of the order.
func (t *TotalOrder) extend(name string, d *wire.Delivery) {
	if d.First != t.next {
		t.violate("%s delivered %s, but the order ends at position %d", name, describe(d), t.next-1)
	}
	m := keep(d)
	if id, ok := t.ids[m.id]; ok {
		m.id = id
	} else {
		m.id = strings.Clone(m.id)
		t.ids[m.id] = m.id
	}
	t.inSequence(name, m.sender, d)
	t.trim()
	t.ring = append(t.ring, m)
	t.next = d.First + uint64(d.Count)
	t.fresh(d)
}

// inSequence holds that views follow each other, and in each the messages of a sender.
func (t *TotalOrder) inSequence(name string, from sender, d *wire.Delivery) {
	if t.first == 0 {
		t.first = d.View
	}
	last := t.last[from]
	if last.view != d.View {
		last.seq = 0
	}
	switch {
	case d.View < t.view:
		t.violate("%s delivered %s after a message of view %d", name, describe(d), t.view)
	case d.Seq != last.seq+1 && (last.seq > 0 || d.View > t.first):
		t.violate("%s delivered %s after message %d of the same sender there", name, describe(d), last.seq)
	}
	t.last[from], t.view = fifo{view: d.View, seq: d.Seq}, d.View
}

// compare holds d against what another node delivered first, and reports
// whether it is the same.
func (t *TotalOrder) compare(name string, m *message, d *wire.Delivery) bool {
	got := keep(d)
	if got == *m {
		return true
	}
	t.violate("%s delivered %s where others delivered %s (%s)",
		name, describe(d), m, difference(m, &got))
	return false
}

func difference(a, b *message) string {
	switch {
	case a.first != b.first || a.count != b.count:
		return "other positions"
	case a.sender != b.sender || a.view != b.view || a.seq != b.seq:
		return "another message"
	case a.payload != b.payload:
		return "other commands"
	default:
		return "other effects"
	}
}

// trim forgets messages that every live stream has passed, but not the newest.
func (t *TotalOrder) trim() {
	if len(t.ring) < 2*t.keep {
		return
	}
	drop := uint64(len(t.ring) - t.keep)
	if len(t.ring) < t.max {
		for _, s := range t.streams {
			if s.started && !s.ended {
				drop = min(drop, max(s.index, t.base)-t.base)
			}
		}
	}
	if drop < uint64(t.keep)/2 {
		return // not worth moving the rest
	}
	t.ring = slices.Delete(t.ring, 0, int(drop))
	t.base += drop
}

// Restart tells that a node loaded a snapshot (again), so that the next
// delivery of its stream may be any later one.
func (t *TotalOrder) Restart(name string) { t.stream(name).started = false }

// End tells that a stream has ended for a good reason: its node left, or died.
func (t *TotalOrder) End(name string) { t.stream(name).ended = true }

// Lose tells that a stream ended although its node lives.
func (t *TotalOrder) Lose(name, why string) {
	t.stream(name).ended = true
	t.miss("the deliveries of %s ended: %s", name, why)
}

// Position is the order's last position.
func (t *TotalOrder) Position() uint64 { return t.next - 1 }

// Lowest is the last position that every live node has delivered, 0 if there
// is one that has not begun.
func (t *TotalOrder) Lowest() uint64 {
	lowest := t.next
	for _, s := range t.streams {
		if !s.ended {
			lowest = min(lowest, s.next)
		}
	}
	return max(lowest, 1) - 1
}

// Finish tells of live nodes that did not deliver the order up to a position,
// at which the run ended. What came later need not have reached all.
func (t *TotalOrder) Finish(end uint64) Result {
	runs, nodes := 0, make(map[string]bool)
	for _, name := range t.names {
		s := t.streams[name]
		if s.started {
			id, _, _ := strings.Cut(name, "#") // its incarnation follows
			nodes[id] = true
			runs++
		}
		switch {
		case len(s.ahead) > 0:
			t.violate("%s begins at position %d, but the order ends at %d", name, s.ahead[0].First, t.next-1)
		case !s.ended && !s.started && end > t.origin:
			t.miss("%s delivered nothing, of an order up to position %d", name, end)
		case !s.ended && s.started && s.next <= end:
			t.miss("%s delivered only up to position %d, of %d", name, s.next-1, end)
		}
	}
	if t.next <= end {
		t.miss("the order is known only up to position %d, of %d", t.next-1, end)
	}
	where := fmt.Sprintf("%d nodes", len(nodes))
	if runs > len(nodes) { // one was started again
		where = fmt.Sprintf("%d runs of nodes", runs)
	}
	return t.result(fmt.Sprintf("%d commands, the same on %s", t.next-1-t.origin, where),
		fmt.Sprintf("message headers whole, payloads and effects hashed; the newest %d messages, and what a live node lacks", t.keep))
}

func keep(d *wire.Delivery) message {
	return message{
		sender: sender{id: d.Sender, incarnation: d.Incarnation}, view: d.View, seq: d.Seq,
		first: d.First, count: d.Count,
		payload: xxh3.Hash(d.Payload), effects: xxh3.Hash(d.Effects),
	}
}

func describe(d *wire.Delivery) string {
	m := keep(d)
	return m.String()
}

// String names the message for people.
func (m *message) String() string {
	return fmt.Sprintf("message %d of %s#%d in view %d (positions %d to %d)",
		m.seq, m.id, m.incarnation, m.view, m.first, m.first+uint64(m.count)-1)
}
