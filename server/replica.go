package server

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/internal/sparelog"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Reasons why a replica ends. Another one wraps ErrConfig: it is the node's last.
var (
	errExcluded   = errors.New("server: excluded from the group")
	errGeneration = errors.New("server: the group has begun a new generation")
	errLeft       = errors.New("server: left the group")
)

// replica is one incarnation of the node in one generation of its group: the
// protocol core, the store and the links. The fields below the turnstile belong
// to whoever owns the turn.
type replica struct {
	cfg        *Config
	log        *slog.Logger
	self       isis.MemberID
	group      uint64
	generation uint64
	settings   membership.Settings // of the start; the timing goes on following the group's
	timing     timing
	net        *transport.Network
	loops      []*evloop.Loop // read the connections; none where goroutines do
	nextLoop   atomic.Uint32  // of a client
	clients    clientSet
	unread     atomic.Int64 // bytes that clients have not read
	cutting    sync.Mutex   // held while clients are cut off for that
	awaited    atomic.Int32 // joiners that the registry has yet to tell of
	refusals   sparelog.Gate

	foreignGate sparelog.Gate // of lines about directives that are not obeyed

	state    atomic.Pointer[store.Store] // replaced while the node observes only
	inView   atomic.Bool                 // and so, with a lease, reads and writes are taken
	leaving  atomic.Bool                 // takes no new writes
	damage   atomic.Pointer[damage]      // what is known of damage to the state, nil: nothing
	reload   chan struct{}               // full when damage was found that reloads has not taken up
	unloaded atomic.Pointer[string]      // why a joiner has not loaded its donor's state, for people; nil: it has, or has not tried
	unlinked atomic.Pointer[string]      // to which members a joiner has no link, and why, for people
	waitsFor atomic.Pointer[string]      // why it is no member yet, for people; nil: nothing is known
	joined   chan struct{}               // closed when it serves, in a view and with a lease, for the first time
	ended    chan struct{}               // closed when the replica has ended
	reason   error                       // why; set before ended is closed

	turnstile

	core      *isis.Node
	waiting   waiters
	released  int // bytes of commands delivered or refused in this turn
	dirty     []*clientConn
	settling  []*localSink
	parked    parking
	listings  listings
	barrier   *barrier // the latest
	submitted uint64   // commands given to the core
	outcome   store.Outcome
	reply     wire.Reply // that is being told
	delivery  wire.Delivery
	feeds     []*feed
	audits    audits
	failed    error // the turn ends with the replica

	level   atomic.Uint32 // the feature level of the view
	crowded sparelog.Gate // lines about sessions

	leases     leases
	directive  directiveState
	beat       heartbeat
	observer   observer
	clock      ordinalClock
	ackTimer   *time.Timer
	ackArmed   bool
	background sync.WaitGroup
	pulsed     time.Time // the last pulse
}

// limits are the bounds that count in the ordered state. They must be equal on
// all nodes of a group.
func (r *replica) limits() store.Limits {
	return store.Limits{
		MaxKeyBytes:   maxKeyBytes,
		MaxValueBytes: r.cfg.MaxValueBytes,
		SessionTTL:    r.settings.SessionTTL,
	}
}

// adopt makes s the replica's state. Owner only, or before the first turn.
func (r *replica) adopt(s *store.Store) {
	r.state.Store(s)
}

// detection is the group's failure detection time.
func (r *replica) detection() time.Duration { return time.Duration(r.timing.detection.Load()) }

// Receive takes messages from a link. (transport.Handler)
func (r *replica) Receive(from isis.MemberID, msgs []isis.Message) { r.deliver(from, msgs) }

// goOn is part of owner.
func (r *replica) goOn(work func()) { r.background.Go(work) }

// do is post, and waits until fn has been called. It must not be called by the
// owner of the turn. When it tells that fn was not called, the replica has ended.
func (r *replica) do(fn func()) bool {
	called := make(chan struct{})
	if r.post(func() { fn(); close(called) }) {
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

// fail ends the replica at the end of this turn. Owner only.
func (r *replica) fail(reason error) {
	if r.failed == nil {
		r.failed = reason
	}
}

// end stops all that runs. The outcome of commands under way is unknown here: the
// group may deliver them. It is part of owner.
func (r *replica) end(rest *inbox) {
	r.inView.Store(false)
	for {
		p, ok := r.waiting.pop()
		if !ok {
			break
		}
		r.tell(p.ticket, p.size, wire.Reply{Status: wire.StatusInterrupted})
	}
	for i := range rest.commands {
		c := &rest.commands[i]
		r.tell(c.ticket, c.end-c.start, wire.Reply{Status: wire.StatusUnavailable})
	}
	r.refuseReads()
	r.refuseAudits()
	r.flushClients()
	for _, f := range r.feeds {
		f.close(r.failed)
	}
	r.feeds = nil
	r.ackTimer.Stop()
	r.reason = r.failed
	close(r.ended)
}

// stop ends the replica from outside, and waits until nothing of it runs.
func (r *replica) stop(reason error) {
	r.post(func() { r.fail(reason) })
	<-r.ended
	for _, c := range r.clients.all(true) {
		c.end()
	}
	r.net.Close()
	r.background.Wait() // streams write their last deliveries to connections of the loops
	r.closeLoops()
}
