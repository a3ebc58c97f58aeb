package server

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/sparelog"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// replica is one incarnation of the node in one generation of its group: the host of a
// [member.Member], which decides, with the links, the clients' connections and all that
// waits for something. The fields below the turnstile belong to whoever owns the turn.
type replica struct {
	cfg        *Config
	log        *slog.Logger
	self       isis.MemberID
	group      uint64
	generation uint64
	key        membership.Key      // that it shares with the registry
	settings   membership.Settings // of the start
	reader     *member.Reader
	net        *transport.Network
	loops      []*evloop.Loop // read the connections; none where goroutines do
	nextLoop   atomic.Uint32  // of a client
	awaited    atomic.Int32   // joiners that the registry has yet to tell of
	refusals   sparelog.Gate
	transfers  atomic.Int32 // of a member's state, begun

	foreignGate sparelog.Gate // of lines about directives that are not obeyed

	why    whyNot
	lease  leaseSignal
	joined chan struct{} // closed when it serves, in a view and with a lease, for the first time
	ended  chan struct{} // closed when the replica has ended
	reason error         // why; set before ended is closed
	next   *membership.Directive
	timers [member.Timers]*time.Timer
	beats  chan *member.Beat // the newest only
	leaves leaves

	ctx        context.Context // of all that runs in the background
	background sync.WaitGroup

	turnstile

	member      *member.Member
	front       *front
	endTransfer context.CancelFunc // of the transfer under way; nil: there was none
	following   bool               // the state is loaded, and the donor's deliveries come
}

// limits are the bounds that count in the ordered state. They must be equal on
// all nodes of a group.
func (r *replica) limits() store.Limits {
	return store.Limits{
		MaxKeyBytes:   wire.MaxKeyBytes,
		MaxValueBytes: r.cfg.MaxValueBytes,
		SessionTTL:    r.settings.SessionTTL,
	}
}

// detection is the group's failure detection time.
func (r *replica) detection() time.Duration { return r.reader.Detection() }

// Receive takes messages from a link. (transport.Handler)
func (r *replica) Receive(from isis.MemberID, msgs []isis.Message) { r.deliver(from, msgs) }

// turn does a turn of the member, and writes once to each client. It is part of owner.
func (r *replica) turn(work *member.Inbox) (released int, goesOn bool) {
	released, err := r.member.Turn(work)
	r.front.endTurn(r.member)
	if err != nil {
		r.reason = err
	}
	return released, err == nil
}

// serves is part of owner.
func (r *replica) serves() bool { return r.reader.Serves() }

// goOn is part of owner.
func (r *replica) goOn(work func()) { r.background.Go(work) }

// do is post, and waits until fn has been called. It must not be called by the
// owner of the turn. When it tells that fn was not called, the replica has ended.
func (r *replica) do(fn func(*member.Member)) bool {
	called := make(chan struct{})
	if r.post(func(m *member.Member) { fn(m); close(called) }) {
		select {
		case <-called:
			return true
		case <-r.ended:
		}
	}
	<-r.ended
	select {
	case <-called:
		return true
	default:
		return false
	}
}

// end stops all that runs. It is part of owner.
func (r *replica) end(rest *member.Inbox) {
	r.member.End(rest)
	r.front.endTurn(r.member)
	r.front.end(r.reason)
	r.next = r.member.Successor()
	close(r.ended)
}

// over tells whether the replica has ended.
func (r *replica) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// stop ends the replica from outside, and waits until nothing of it runs.
func (r *replica) stop(reason error) {
	r.post(func(m *member.Member) { m.Fail(reason) })
	<-r.ended
	r.front.close()
	r.net.Close()
	r.background.Wait() // streams write their last deliveries to connections of the loops
	r.closeLoops()
}

// whyNot is what keeps the node from being a member, for people.
type whyNot struct {
	waitsFor atomic.Pointer[string] // by the registry's word; nil: nothing is known
	unloaded atomic.Pointer[string] // why it has not loaded its donor's state; nil: it has, or has not tried
	unlinked atomic.Pointer[string] // to which members it has no link, and why

	// The owner of the turn's: members without a link, at the last directive, and as
	// logged last.
	missing, missingTold string
}

// waitFor keeps what the node waits for, and logs it when that is new; "" is nothing.
func (w *whyNot) waitFor(log *slog.Logger, reason string) {
	if before := w.waitsFor.Swap(&reason); reason != "" && (before == nil || *before != reason) {
		log.Info("not a member yet", "reason", reason)
	}
}

// leaseSignal wakes those that wait for a lease once there is one.
type leaseSignal struct {
	mu   sync.Mutex    // guards held
	held chan struct{} // closed while there is a lease
}

// when returns what is closed while there is a lease.
func (l *leaseSignal) when() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// begin says that there is a lease.
func (l *leaseSignal) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.held)
}

// end says that there is none any more.
func (l *leaseSignal) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = make(chan struct{})
}
