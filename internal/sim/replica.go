package sim

import (
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// replica is one incarnation of a node: the member as it ships, and what surrounds it in
// place of package server, in virtual time.
type replica struct {
	w          *world
	p          *process
	self       isis.MemberID
	name       string
	group      uint64
	generation uint64

	member  *member.Member
	reader  *member.Reader
	in      *member.Inbox // for the next turn
	spare   *member.Inbox
	aside   []peerMessage // from peers, while the process takes nothing of them
	turning bool          // a turn is planned
	arrived int           // for it
	turns   func()        // does it
	over    bool
	timers  [member.Timers]uint64 // number of the latest request of each kind
	fires   [member.Timers]func(*member.Member)
	replies []answer // of this turn

	// What the member owes.
	gate    member.Gate
	outside []func() // writes that wait for admission
	waiting int      // requests that have no answer
	lapsed  bool     // in this turn: it owes nobody anything after it
	safe    bool     // it leaves, and those who stay have what it has delivered

	links *wires.Links

	// What the member has said of itself, and was told.
	view       isis.View
	wedged     uint64 // attempt
	applied    uint64
	loaded     uint64 // what it has loaded reflects
	everServed bool
	told       membership.Directive  // the latest that it took
	hears      *membership.Directive // the one that it is being told, nil once it takes no notice
	obeys      bool                  // a directive that excludes it
	strongAt   uint64                // number of the turn in which a strong read was begun last

	beat    mailbox
	joining *joining
	feeds   []*feed
	clients []*clientConn
	hosting hosting
	damage  damage
	log     []logged
}

// peerMessage is a message that is kept aside.
type peerMessage struct {
	from isis.MemberID
	msg  isis.Message
}

func (r *replica) String() string { return r.name }

// newReplica begins an incarnation in the generation that the directive tells of.
func (p *process) newReplica(incarnation uint64, d membership.Directive) {
	w, t := p.w, &p.w.traits
	p.record(d.Group, incarnation)
	p.Brink()
	r := &replica{
		w: w, p: p, self: isis.MemberID{ID: p.id, Incarnation: incarnation}, group: d.Group, generation: d.Generation,
		in: &member.Inbox{}, spare: &member.Inbox{}, applied: d.Base, gate: member.NewGate(t.gateBytes),
	}
	r.links = wires.NewLinks(wires.LinksConfig{
		Self: r.self, Group: r.group, Generation: r.generation, Site: p.site, Process: p, Network: w.network, Random: p.random,
		Detection: t.detection, Ping: t.ping, KeptBytes: t.keptBytes, Counts: &w.counts.LinkCounts,
		Find: w.listener, Receive: r.receive, Fail: w.fail,
		Dead: func(peer isis.MemberID, why error) {
			w.trace("%s: the link with %s#%d is dead: %v", r, peer.ID, peer.Incarnation, why)
		},
	})
	r.name = r.self.String()
	h := around{r.links, r}
	r.member = member.New(member.Config{
		Core: isis.Config{
			Self: r.self, Base: d.Base, Agreed: d.Settings.Delivery == membership.Agreed, Window: w.knobs.Window, MaxBatchCommands: w.knobs.Batch,
			DirectAcks: w.knobs.Direct, MaxPendingBytes: t.pendingBytes, MaxUndelivered: t.undelivered,
		},
		Group: d.Group, Generation: d.Generation, Settings: d.Settings,
		Limits:       store.Limits{SessionTTL: t.sessionTTL, MaxSessionResults: 64, MaxSessions: t.sessions.all, MaxClientSessions: t.sessions.client, MaxResults: maxResults, MaxResultBytes: maxResultBytes},
		HistoryBytes: t.watches.history, MaxLagBytes: w.mostLag(t.joinerLag), ChunkBytes: t.chunkBytes,
		Clock: clock.Of(p.clock.Virtual()), Links: h, Host: h,
		Doubt: func() { r.call(func(m *member.Member) { m.Fire(member.TimerPulse) }) },
	})
	r.reader = r.member.Reader()
	r.turns = func() { p.Do(r.turn) }
	for t := range r.fires {
		r.fires[t] = func(m *member.Member) { m.Fire(member.Timer(t)) }
	}
	for uint64(len(w.replicas)) <= incarnation {
		w.replicas = append(w.replicas, nil)
	}
	w.replicas[incarnation] = r
	p.current = r
	w.order(d.Generation).beginAt(r, d.Base)
	w.trace("%s begins, generation %d", r, r.generation)
	r.call(func(m *member.Member) {
		m.Deliveries(true)
		r.hear(&d, func() { m.Start(&d) })
	})
	r.watch()
}

// call has the owner of the next turn call fn.
func (r *replica) call(fn func(*member.Member)) {
	if !r.over && r.p.alive {
		r.in.Call(fn)
		r.wakeTurn()
	}
}

// wakeTurn plans a turn for what has arrived.
func (r *replica) wakeTurn() {
	r.arrived++
	if r.turning || r.over {
		return
	}
	r.turning = true
	r.w.After(r.w.knobs.gather(r.p), r.turns)
}

// turn does one turn, and lets out what it brings.
func (r *replica) turn() {
	r.turning = false
	if r.over {
		return
	}
	r.w.counts.Turns++
	if r.arrived == 1 {
		r.w.counts.Single++
	}
	r.arrived = 0
	if r.wedged != 0 && r.p.ambush(CrashFlush) {
		return
	}
	in := r.in
	r.in, r.spare = r.spare, nil
	released, err := r.member.Turn(in)
	r.gate.Release(released)
	if n := r.gate.Admitted(); n < 0 {
		r.w.fail("admission: %s gives back %d bytes more than it was given", r, -n)
	}
	r.checkAnswered()
	in.Reset()
	r.spare = in
	if err != nil {
		r.end(err)
		return
	}
	r.letOut()
	r.publish()
	r.letIn()
	if !r.over {
		r.wakeHub()
		r.lookBack()
	}
}

// checkAnswered holds that nobody waits at a member that has no lease any more.
func (r *replica) checkAnswered() {
	if r.lapsed && r.waiting > 0 {
		r.w.fail("waiting: %s serves nobody, and %d requests wait at it", r, r.waiting)
	}
	r.lapsed = false
}

// receive takes a message of a peer. A process that is stuck leaves it lying.
func (r *replica) receive(from isis.MemberID, m *isis.Message) {
	if r.p.stuck {
		r.aside = append(r.aside, peerMessage{from, *m})
		return
	}
	if r.w.tracing() {
		r.w.trace("%s < %s#%d %s", r, from.ID, from.Incarnation, describe(m))
	}
	r.in.Message(from, m)
	r.wakeTurn()
}

// unstick takes what lies aside.
func (r *replica) unstick() {
	aside := r.aside
	r.aside = nil
	for i := range aside {
		r.receive(aside[i].from, &aside[i].msg)
	}
}

// end stops all that runs: the member has ended.
func (r *replica) end(err error) {
	r.w.trace("%s ends: %v", r, err)
	r.over = true
	if r.obeys || errors.Is(err, member.ErrGeneration) || errors.Is(err, member.ErrLeft) && r.hears != nil && r.hears.Excluded {
		r.w.chain.obeyed(r)
	}
	r.member.End(r.in)
	r.lapsed = true
	r.checkAnswered()
	r.letOut()
	r.letIn()
	if r.hosting.hub != nil {
		r.hosting.hub.End(wire.StatusUnavailable, "the node has stopped")
	}
	for _, c := range r.clients {
		c.conn.Close(1)
	}
	r.clients = nil
	for _, f := range r.feeds {
		f.close()
	}
	r.feeds = nil
	r.links.Close()
	r.joining.stop()
	r.p.next(r, err)
}

// next is what a process does after an incarnation: come back, unless it leaves. Where
// the node itself would end, somebody starts it again.
func (p *process) next(r *replica, err error) {
	successor := r.member.Successor()
	switch {
	case errors.Is(err, member.ErrLeft) || p.leaving:
		p.stop()
		p.w.afterLeave(p)
	case errors.Is(err, member.ErrGeneration) && successor != nil:
		p.newReplica(r.self.Incarnation, *successor)
	case errors.Is(err, member.ErrAdvertised):
		p.w.counts.Unreached++
		p.stop()
		if p.host != nil {
			p.w.planRestart(p.host)
		}
	case errors.Is(err, member.ErrCannotLoad):
		p.w.fail("snapshot: %s: %v", r, err)
	case r.everServed:
		p.pause = leastPause
		p.register()
	default:
		pause := p.pause
		p.pause = min(2*pause, mostPause)
		p.After(pause, p.register)
	}
}

// Pauses between incarnations that do not get into a view.
const (
	leastPause = 50 * time.Millisecond
	mostPause  = time.Second
)

// hear has the member hear a directive.
func (r *replica) hear(d *membership.Directive, tell func()) {
	if r.w.tracing() {
		r.w.trace("%s is told %s", r, describeDirective(d))
	}
	r.hears = d
	tell()
	if r.hears != nil {
		r.told = *d
	}
}

// leads tells whether the replica knows that it leads the attempt for which it is wedged.
func (r *replica) leads() bool {
	a := r.told.Attempt
	return r.wedged != 0 && a != nil && a.View.ID == r.wedged && a.Leader == r.self.Incarnation
}
