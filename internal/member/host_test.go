package member

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// node is a member and its host.
type node struct {
	g     *group
	named membership.Member
	self  isis.MemberID
	m     *Member
	in    Inbox
	alive bool
	err   error // why it has ended

	ahead   time.Duration // of its clock on the wall
	behind  time.Duration // of both its clocks
	count   uint64        // by the processor's counter
	counted int           // how often it was asked for
	onNow   func()        // is called when the clocks are asked
	doubts  int
	peers   []link.Peer
	cut     map[uint64]bool // by incarnation: there is no connection
	lost    map[uint64]error
	heard   map[uint64]time.Duration

	linkedInView bool // at SetPeers the member was in a view

	queued   []packet
	due      [Timers]time.Duration // 0: not asked for
	did      []string              // what the member asked its host for, in order
	beats    []*Beat               // not answered yet
	said     []*Beat               // all of them
	asks     []ask
	keepAsks bool // nobody answers them
	events   []Event
	delivers []wire.Delivery
	released int
	feeds    []*feed
	stream   *stream
	noDonor  bool // its connections bring nothing

	takesEffects bool // of deliveries
}

// ask is a question to be let go.
type ask struct {
	from   membership.From
	force  bool
	reason string
}

// moment is the time by the node's clocks.
func (n *node) moment() clock.Moment {
	now := n.g.now - n.behind
	return clock.Moment{Steady: now, Wall: now + n.ahead}
}

// clocks is the time for the member.
func (n *node) clocks() clock.Moment {
	if n.onNow != nil {
		n.onNow()
	}
	return n.moment()
}

// counter is the processor's counter for the member.
func (n *node) counter() uint64 {
	n.counted++
	return n.count
}

// do calls fn in a turn of its own.
func (n *node) do(fn func(m *Member)) {
	n.in.Call(fn)
	n.turn()
}

// turn does one turn with all that has come.
func (n *node) turn() {
	if !n.alive {
		n.g.t.Fatalf("a turn of %s, which has ended", n.named.ID)
	}
	in := n.in
	n.in = Inbox{}
	released, err := n.m.Turn(&in)
	n.released += released
	if err != nil {
		n.err, n.alive = err, false
		n.m.End(&n.in)
	}
}

func (n *node) nextDue() time.Duration {
	next := time.Duration(1 << 62)
	if !n.alive {
		return next
	}
	for _, at := range n.due {
		if at != 0 {
			next = min(next, at)
		}
	}
	if n.stream != nil && n.stream.rests > n.g.now {
		next = min(next, n.stream.rests)
	}
	return max(next, n.g.now)
}

// fire ends the timers that are due.
func (n *node) fire() {
	for i, at := range n.due {
		if n.alive && at != 0 && at <= n.g.now {
			n.due[i] = 0
			n.do(func(m *Member) { m.Fire(Timer(i)) })
		}
	}
}

// answered has the registry answer what the node has asked.
func (n *node) answered() bool {
	g := n.g
	if g.away || len(n.beats) == 0 && (len(n.asks) == 0 || n.keepAsks) {
		return false
	}
	beats := n.beats
	n.beats = nil
	for _, b := range beats {
		err := g.registry.Heartbeat(g.now, b.From, b.Report)
		g.save()
		var d membership.Directive
		if err == nil {
			d, err = g.registry.Directive(b.From, b.Report.View)
		}
		n.in.Call(func(m *Member) { m.Answered(b, &d, err) })
	}
	if !n.keepAsks {
		asks := n.asks
		n.asks = nil
		for _, a := range asks {
			err := g.registry.Leave(g.now, a.from, a.force, a.reason)
			n.in.Call(func(m *Member) { m.LeaveAnswered(err) })
		}
	}
	g.tell()
	return true
}

// record notes what the member asked for.
func (n *node) record(format string, args ...any) {
	n.did = append(n.did, fmt.Sprintf(format, args...))
}

// took returns what the member has asked for since the last call.
func (n *node) took() []string {
	did := n.did
	n.did = nil
	return did
}

// Send is part of Links.
func (n *node) Send(to isis.MemberID, m *isis.Message) {
	n.record("send %s %s", to.ID, m.Kind)
	msg := *m
	msg.Acks = slices.Clone(m.Acks)
	n.queued = append(n.queued, packet{n.self, to, msg})
}

// Flush is part of Links.
func (n *node) Flush() {
	if len(n.queued) > 0 {
		n.record("flush")
	}
	n.g.wires = append(n.g.wires, n.queued...)
	n.queued = nil
}

// SetPeers is part of Links.
func (n *node) SetPeers(peers []link.Peer) {
	n.peers, n.linkedInView = peers, n.m.Reader().InView()
}

// AppendPeers is part of Links.
func (n *node) AppendPeers(dst []link.Status) []link.Status {
	for _, p := range n.peers {
		dst = append(dst, link.Status{
			Peer: p, Connected: !n.cut[p.Incarnation], Heard: n.heard[p.Incarnation], Broken: n.lost[p.Incarnation],
		})
	}
	return dst
}

// Timer is part of Host.
func (n *node) Timer(t Timer, after time.Duration) {
	if after <= 0 {
		n.g.t.Errorf("%s asks for timer %d after %v", n.named.ID, t, after)
	}
	n.record("timer %d %v", t, after)
	n.due[t] = n.g.now + after
}

// Beat is part of Host.
func (n *node) Beat(b *Beat) {
	n.record("beat")
	n.beats = append(n.beats, b)
	n.said = append(n.said, b)
}

// AskToLeave is part of Host.
func (n *node) AskToLeave(from membership.From, force bool, reason string) {
	n.record("ask %v %s", force, reason)
	n.asks = append(n.asks, ask{from, force, reason})
}

// Delivered is part of Host.
func (n *node) Delivered(d *wire.Delivery) {
	n.record("deliver %d", d.First)
	kept := *d
	kept.Effects = slices.Clone(d.Effects)
	n.delivers = append(n.delivers, kept)
	if n.takesEffects {
		d.Effects = nil
	}
	for _, f := range n.feeds {
		f.buf = wire.AppendDelivery(f.buf, d)
	}
}

// Event is part of Host.
func (n *node) Event(e Event) {
	n.record("%T", e)
	if e, ok := e.(Entered); ok && n.position() != e.Position {
		n.g.t.Errorf("%s enters a view at %d, and has applied what comes up to %d", n.named.ID, e.Position, n.position())
	}
	n.events = append(n.events, e)
}

// eventsOf returns the events of one kind.
func eventsOf[E any](n *node) (found []E) {
	for _, e := range n.events {
		if e, ok := e.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

// Observe is part of Host.
func (n *node) Observe(t *Transfer) {
	if s := n.stream; s != nil {
		s.end(errConnection)
	}
	if t == nil {
		n.record("observe nobody")
		return
	}
	n.record("observe %s", t.Donor().ID)
	n.stream = &stream{joiner: n, t: t}
	n.stream.frames = wire.NewFrameReader(n.stream, MaxFrameBytes)
}

var errConnection = errors.New("test: the connection has ended")
