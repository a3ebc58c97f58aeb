package member

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// group is a group of members in one goroutine: one real registry's decisions, virtual
// clocks, links and connections that carry bytes when they are told to.
type group struct {
	t        rapid.TB
	registry *membership.Group
	away     bool // the registry answers nobody
	revision uint64
	now      time.Duration
	nodes    []*node
	wires    []packet      // in order
	held     map[path]bool // of these links nothing arrives for now
	session  uint64        // that open has opened
	seq      uint64        // of the last set
}

// path is a link in one direction.
type path struct{ from, to string }

// packet is a message on its way.
type packet struct {
	from, to isis.MemberID
	msg      isis.Message
}

// options are what a test's group differs in.
type options struct {
	settings membership.Settings
	core     isis.Config
	limits   store.Limits
	lag      int
	chunk    int
	base     uint64
	counts   bool     // the processor's counter may be used
	cut      []uint64 // incarnations of nodes that it cannot be linked with
}

// testGroup is the number of the tests' group, and began is when their time begins: not
// at 0, which stands for never.
const (
	testGroup = 7
	began     = time.Hour
)

// newGroup returns a group whose first view has n members, n1 and so on, which have
// entered it and serve.
func newGroup(t rapid.TB, n int) *group { return newGroupWith(t, n, options{}) }

func newGroupWith(t rapid.TB, n int, o options) *group {
	g := &group{t: t, now: began, held: map[path]bool{}}
	settings := o.settings.Over(membership.DefaultSettings())
	state := membership.NewState(testGroup, o.base, settings)
	view := membership.View{ID: 1, FeatureLevel: 1}
	for i := range uint64(n) {
		view.Members = append(view.Members, named(i+1))
	}
	if n > 0 {
		state.Views, state.NextView, state.NextIncarnation = []membership.View{view}, 2, uint64(n)+1
	}
	g.registry = membership.New(state, g.now)
	g.save()
	for i := range view.Members {
		g.add(view.Members[i], &o)
	}
	for _, node := range g.nodes {
		node.start()
	}
	g.settle()
	return g
}

// named is a member by its incarnation.
func named(incarnation uint64) membership.Member {
	id := fmt.Sprintf("n%d", incarnation)
	return membership.Member{
		ID: id, Incarnation: incarnation, PeerAddr: id + ":1", ClientAddr: id + ":2", FeatureLevel: 1, Nonce: incarnation,
	}
}

// node is a member and its host.
type node struct {
	g     *group
	named membership.Member
	self  isis.MemberID
	m     *Member
	in    Inbox
	alive bool
	err   error // why it has ended

	ahead    time.Duration // of its clock on the wall
	behind   time.Duration // of both its clocks
	count    uint64        // by the processor's counter
	doubts   int
	peers    []link.Peer
	cut      map[uint64]bool // by incarnation: there is no connection
	lost     map[uint64]error
	heard    map[uint64]time.Duration
	peersOf  uint64 // the view of SetPeers
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

// add makes a node, which does not run yet.
func (g *group) add(who membership.Member, o *options) *node {
	n := &node{
		g: g, named: who, self: isis.MemberID{ID: who.ID, Incarnation: who.Incarnation}, alive: true,
		cut: map[uint64]bool{}, lost: map[uint64]error{}, heard: map[uint64]time.Duration{},
	}
	core := o.core
	core.Self, core.Base = n.self, o.base
	settings := o.settings.Over(membership.DefaultSettings())
	core.Agreed = settings.Delivery == membership.Agreed
	n.m = New(Config{
		Core: core, Group: testGroup, Generation: 1, Settings: settings, Limits: o.limits.WithDefaults(),
		MaxLagBytes: o.lag, ChunkBytes: o.chunk, Links: n, Host: n, Doubt: func() { n.doubts++ },
		Clock: clock.Of(&clock.Virtual{Now: n.moment, Count: func() uint64 { return n.count }, Counts: o.counts}),
	})
	for _, incarnation := range o.cut {
		n.cut[incarnation] = true
	}
	g.nodes = append(g.nodes, n)
	return n
}

// start hands the node its first directive.
func (n *node) start() {
	d, err := n.g.registry.Directive(n.m.From(), 0)
	if err != nil {
		n.g.t.Fatal(err)
	}
	n.do(func(m *Member) { m.Start(&d) })
}

// join adds a node that registers at the registry and is let run.
func (g *group) join(o options) *node {
	incarnation := uint64(len(g.nodes)) + 1
	who := named(incarnation)
	got, err := g.registry.Register(g.now, membership.Registration{
		ID: who.ID, PeerAddr: who.PeerAddr, ClientAddr: who.ClientAddr, FeatureLevel: 1, Nonce: incarnation,
	})
	if err != nil || got != incarnation {
		g.t.Fatalf("%s registers as %d: %v", who.ID, got, err)
	}
	g.tell()
	n := g.add(who, &o)
	n.start()
	return n
}

// node returns a node by its id.
func (g *group) node(id string) *node {
	for _, n := range g.nodes {
		if n.named.ID == id {
			return n
		}
	}
	g.t.Fatalf("there is no node %s", id)
	return nil
}

// hold keeps what one node sends to another until release.
func (g *group) hold(from, to string) { g.held[path{from, to}] = true }

func (g *group) release() {
	clear(g.held)
	g.settle()
}

// settle lets everything happen that needs no time.
func (g *group) settle() {
	for range 100_000 {
		if !g.step() {
			return
		}
	}
	g.t.Fatal("the group does not come to rest")
}

// step lets something happen, and reports whether anything did.
func (g *group) step() bool {
	moved := g.carry()
	for _, n := range g.nodes {
		if !n.alive {
			continue
		}
		if n.stream != nil && n.stream.pump() {
			moved = true
		}
		moved = n.answered() || moved
		if !n.in.Empty() {
			n.turn()
			moved = true
		}
	}
	return moved
}

// carry brings the messages that are not held.
func (g *group) carry() bool {
	kept, moved := g.wires[:0], false
	wires := slices.Clone(g.wires)
	for i := range wires {
		p := &wires[i]
		if g.held[path{p.from.ID, p.to.ID}] {
			kept = append(kept, *p)
			continue
		}
		moved = true
		if to := g.node(p.to.ID); to.alive && to.self == p.to {
			to.heard[p.from.Incarnation] = to.moment().Steady
			to.in.Message(p.from, &p.msg)
		}
	}
	g.wires = kept
	return moved
}

// advance lets time pass, and all happen that is due meanwhile.
func (g *group) advance(d time.Duration) {
	const beat = 10 * time.Millisecond // of the registry
	end := g.now + d
	g.settle()
	for {
		next := g.now - g.now%beat + beat
		for _, n := range g.nodes {
			next = min(next, n.nextDue())
		}
		if next > end {
			g.now = end
			return
		}
		g.now = next
		for _, n := range g.nodes {
			n.fire()
		}
		if g.now%beat == 0 {
			g.ping()
		}
		if !g.away && g.now%beat == 0 {
			g.registry.Tick(g.now)
			g.tell()
		}
		g.settle()
	}
}

// ping has all nodes that are linked hear one another.
func (g *group) ping() {
	for _, n := range g.nodes {
		for _, p := range n.peers {
			other := slices.IndexFunc(g.nodes, func(o *node) bool { return o.self == p.MemberID })
			if other >= 0 && g.nodes[other].alive && !n.cut[p.Incarnation] && !g.held[path{p.ID, n.named.ID}] {
				n.heard[p.Incarnation] = n.moment().Steady
			}
		}
	}
}

// save has the registry's state saved.
func (g *group) save() {
	if _, ok := g.registry.Unsaved(); ok {
		g.registry.Saved()
	}
	g.registry.TakeEvents()
}

// tell saves what the registry has changed, and tells everybody of it.
func (g *group) tell() {
	g.save()
	if g.registry.Revision() == g.revision {
		return
	}
	g.revision = g.registry.Revision()
	for _, n := range g.nodes {
		if !n.alive {
			continue
		}
		if d, err := g.registry.Directive(n.m.From(), g.registry.ViewOf(n.m.From())); err == nil {
			n.in.Call(func(m *Member) { m.Directed(&d) })
		}
	}
}

// crash ends a node without a word.
func (g *group) crash(id string) {
	n := g.node(id)
	n.alive = false
	for _, other := range g.nodes {
		other.cut[n.self.Incarnation] = true
	}
}

// moment is the time by the node's clocks.
func (n *node) moment() clock.Moment {
	now := n.g.now - n.behind
	return clock.Moment{Steady: now, Wall: now + n.ahead}
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
func (n *node) SetPeers(view uint64, peers []link.Peer) { n.peersOf, n.peers = view, peers }

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

// stream is a joiner's connection to its donor, at both ends.
type stream struct {
	joiner *node
	t      *Transfer
	donor  *node
	gives  *Donor
	feed   feed
	bytes  bytes.Buffer // on their way
	frames *wire.FrameReader
	rests  time.Duration // until then the donor rests
	over   bool
}

// Read brings what has come so far.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.bytes.Read(b)
	if err == io.EOF { //nolint:errorlint // a buffer's, as it is
		err = wire.ErrAgain
	}
	return n, err
}

// end ends the stream, of which the member hears in its next turn.
func (s *stream) end(err error) {
	s.over = true
	if s.gives != nil {
		s.gives.Close()
		s.donor.feeds = slices.DeleteFunc(s.donor.feeds, func(f *feed) bool { return f == &s.feed })
	}
	if s.joiner.stream == s {
		s.joiner.stream = nil
	}
	s.joiner.in.Call(func(m *Member) { m.TransferEnded(s.t, err) })
}

// pump moves the stream on, and reports whether it has.
func (s *stream) pump() bool {
	if s.donor == nil {
		return s.dial()
	}
	if !s.donor.alive {
		s.end(errConnection)
		return true
	}
	if s.joiner.noDonor {
		return false
	}
	moved := s.give()
	return s.take() || moved
}

func (s *stream) dial() bool {
	g := s.joiner.g
	s.donor = g.node(s.t.Donor().ID)
	if s.donor.alive {
		s.donor.do(func(m *Member) {
			if s.gives = m.Donate(); s.gives != nil {
				m.Deliveries(true)
				s.donor.feeds = append(s.donor.feeds, &s.feed)
			}
		})
	}
	if s.gives == nil {
		s.end(errConnection)
	}
	return true
}

// give has the donor write what it can.
func (s *stream) give() (moved bool) {
	for s.joiner.g.now >= s.rests {
		b, pause, err := s.gives.Next(&s.feed)
		switch {
		case err != nil:
			s.bytes.Write(AppendRefusal(nil, err))
			return true
		case pause > 0:
			s.rests = s.joiner.g.now + pause
			return true
		case b == nil:
			return moved
		}
		s.bytes.Write(b)
		moved = true
	}
	return moved
}

// take has the joiner read what has come.
func (s *stream) take() bool {
	switch err := s.t.Read(s.frames); {
	case err == wire.ErrAgain: //nolint:errorlint // by contract
		if !s.t.Work() {
			return false
		}
	case err != nil:
		s.end(err)
		return true
	}
	for s.t.Work() && !s.over {
		s.joiner.do(func(m *Member) {
			if err := m.Take(s.t); err != nil {
				s.end(err)
			}
		})
	}
	return true
}

// feed is a joiner's queue of deliveries.
type feed struct {
	buf  []byte
	lost error
}

// Take is part of Feed.
func (f *feed) Take(spare []byte, _ bool) ([]byte, error) {
	if f.lost != nil {
		return nil, f.lost
	}
	if len(f.buf) == 0 {
		return nil, nil
	}
	b := f.buf
	f.buf = spare[:0]
	return b, nil
}

// Waiting is part of Feed.
func (f *feed) Waiting() int { return len(f.buf) }

// client waits for answers.
type client struct{ got []answer }

type answer struct {
	tag   uint64
	size  int
	reply wire.Reply
}

// Answer is part of Waiter.
func (c *client) Answer(tag uint64, size int, reply *wire.Reply) {
	kept := *reply
	kept.Data = bytes.Clone(reply.Data)
	c.got = append(c.got, answer{tag, size, kept})
}

// take returns the answers since the last call.
func (c *client) take() []answer {
	got := c.got
	c.got = nil
	return got
}

// statuses returns the statuses of the answers since the last call.
func (c *client) statuses() []wire.Status {
	var statuses []wire.Status
	for _, a := range c.take() {
		statuses = append(statuses, a.reply.Status)
	}
	return statuses
}

// open opens the session that set writes in.
func (g *group) open() {
	var c client
	g.nodes[0].write(session(), &c)
	g.settle()
	got := c.take()
	if len(got) != 1 || got[0].reply.Status != wire.StatusOK {
		g.t.Fatalf("no session: %+v", got)
	}
	g.session = got[0].reply.Position
}

// set is a write in the session that is open.
func (g *group) set(key, value string) *wire.Command {
	g.seq++
	return &wire.Command{Op: wire.OpSet, Session: g.session, Seq: g.seq, Floor: g.seq, Key: key, Value: []byte(value)}
}

// session is a write that needs no session.
func session() *wire.Command { return &wire.Command{Op: wire.OpOpenSession} }

// write submits a command, in a turn of its own. It returns its size.
func (n *node) write(cmd *wire.Command, c *client) int {
	size := n.in.Encode(cmd, Ticket{Waiter: c})
	n.turn()
	return size
}

// value is what the node's state has of a variable.
func (n *node) value(key string) string {
	value, _, _ := n.m.Reader().State().Get(key)
	return string(value)
}

// position is where the node has come to.
func (n *node) position() uint64 { return n.m.Reader().State().Applied() }
