package sim

import (
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// reason is why a replica ends.
type reason int

const (
	goesOn reason = iota
	excluded
	newGeneration
	diverged
	left
	damagedState
	unreached // its donors do not reach it where it says it is
)

// replica is one incarnation of a node: what package server has around the core,
// with virtual time, and without anything that blocks.
type replica struct {
	w          *world
	p          *process
	self       isis.MemberID
	group      uint64
	generation uint64

	core    *isis.Node
	state   *store.Store
	outcome store.Outcome
	links   []*link // by the peers' incarnations
	view    uint64  // of the last SetPeers
	epochs  uint64
	dirty   []*link

	serving bool // in a view
	leaving bool
	over    bool
	failed  reason

	inbox     []peerMessage
	calls     []func()
	commands  []pendingCommand
	turning   bool // a turn is planned
	waiting   []pendingCommand
	submitted uint64
	parked    []*parkedRead
	barrier   *barrier
	ackArmed  bool
	ticked    time.Duration // when the links were looked after
	pulsed    time.Duration

	directive directiveState
	leases    leases
	damage    damage
	beat      heartbeat
	clock     ordinalClock
	observer  observer
	feeds     []*feed
	clients   []*clientConn
	log       []logged
}

// peerMessage is a message that waits for the next turn.
type peerMessage struct {
	from isis.MemberID
	msg  isis.Message
}

// pendingCommand is a command under way, and who is told its result.
type pendingCommand struct {
	raw   []byte
	done  func(wire.Result) // nil: nobody, or told already
	since time.Duration
}

func (r *replica) String() string { return fmt.Sprintf("%s#%d", r.self.ID, r.self.Incarnation) }

// newReplica begins an incarnation in the generation that the directive tells of.
func (p *process) newReplica(incarnation uint64, d membership.Directive) {
	w := p.w
	t := &w.traits
	p.record(d.Group, incarnation)
	p.brink()
	r := &replica{
		w: w, p: p, self: isis.MemberID{ID: p.id, Incarnation: incarnation},
		group: d.Group, generation: d.Generation, pulsed: p.local(),
	}
	r.core = isis.New(isis.Config{
		Self: r.self, Base: d.Base, Agreed: d.Settings.Delivery == membership.Agreed, Window: t.window, MaxBatchCommands: t.batch,
		DirectAcks: t.direct,
	})
	r.directive.members = make(map[uint64]membership.Member)
	r.clock.tick, r.clock.audit = d.Settings.Tick, d.Settings.Audit
	r.adopt(store.NewAt(d.Base, r.limits()))
	for uint64(len(w.replicas)) <= incarnation {
		w.replicas = append(w.replicas, nil)
	}
	w.replicas[incarnation] = r
	p.current = r
	w.order(d.Generation).beginAt(r, d.Base)
	if w.tracing() {
		w.trace("%s begins, generation %d", r, r.generation)
	}
	r.post(func() {
		r.beat.told = r.news()
		r.directed(d)
	})
	r.pulse()
	r.watch()
	r.observer.wait = 20 * time.Millisecond
	r.observe()
}

// limits are the bounds that count in the ordered state.
func (r *replica) limits() store.Limits {
	return store.Limits{SessionTTL: r.w.traits.sessionTTL, MaxSessionResults: 64, MaxClientSessions: maxClientSessions}
}

func (r *replica) adopt(s *store.Store) {
	r.state = s
}

// post has fn called in the next turn. It tells whether it will.
func (r *replica) post(fn func()) bool {
	if r.over || !r.p.alive {
		return false
	}
	r.calls = append(r.calls, fn)
	r.wakeTurn()
	return true
}

// wakeTurn plans a turn.
func (r *replica) wakeTurn() {
	if r.turning || r.over {
		return
	}
	r.turning = true
	r.w.after(upTo(r.w.machines, r.p.pace)+time.Microsecond, func() { r.p.do(r.turn) })
}

// fail ends the replica at the end of this turn.
func (r *replica) fail(why reason) {
	if r.failed == goesOn {
		r.failed = why
	}
}

// end stops all that runs. The outcome of commands under way is unknown here.
func (r *replica) end() {
	if r.w.tracing() {
		r.w.trace("%s ends: %d", r, r.failed)
	}
	r.over, r.serving = true, false
	for _, c := range r.waiting {
		r.answer(c, wire.Result{Status: wire.StatusInterrupted})
	}
	for _, c := range r.commands {
		r.answer(c, wire.Result{Status: wire.StatusUnavailable})
	}
	r.waiting, r.commands, r.calls, r.inbox = nil, nil, nil, nil
	r.refuseReads()
	for _, c := range r.clients {
		c.conn.close(1)
	}
	r.clients = nil
	for _, f := range r.feeds {
		f.end()
	}
	r.feeds = nil
	for _, l := range r.links {
		l.close()
	}
	if c := r.observer.conn; c != nil {
		c.close(0)
	}
	r.p.next(r)
}

// next is what a process does after an incarnation: come back, unless it leaves.
func (p *process) next(r *replica) {
	switch {
	case r.failed == left || p.leaving:
		p.stop()
		p.w.afterLeave(p)
	case r.failed == newGeneration && r.directive.successor != nil:
		d := *r.directive.successor
		p.newReplica(r.self.Incarnation, d)
	case r.leases.everHeld:
		p.pause = leastPause
		p.register()
	default:
		pause := p.pause
		p.pause = min(2*pause, mostPause)
		p.after(pause, p.register)
	}
}

// Pauses between incarnations that do not get into a view.
const (
	leastPause = 50 * time.Millisecond
	mostPause  = time.Second
)
