package server

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// Reasons why a replica ends.
var (
	errExcluded   = errors.New("server: excluded from the group")
	errGeneration = errors.New("server: the group has begun a new generation")
	errDiverged   = errors.New("server: the state differs from the group's")
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
	settings   *registrypb.Settings
	net        *transport.Network
	clients    clientSet

	state   atomic.Pointer[store.Store] // replaced while the node observes only
	serving atomic.Bool                 // in a view: reads and writes are taken
	leaving atomic.Bool                 // takes no new writes
	joined  chan struct{}               // closed when it serves for the first time
	ended   chan struct{}               // closed when the replica has ended
	reason  error                       // why; set before ended is closed

	turnstile

	core      *isis.Node
	waiting   waiters
	released  int // bytes of commands delivered or refused since the last turn began
	dirty     []*clientConn
	parked    parking
	barrier   *barrier // the latest
	submitted uint64   // commands given to the core
	outcome   store.Outcome
	delivery  wire.Delivery
	feeds     []*feed
	audits    audits
	failed    error // the turn ends with the replica

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
		SessionTTL:    time.Duration(r.settings.GetSessionTtlMs()) * time.Millisecond,
	}
}

// adopt makes s the replica's state. Owner only, or before the first turn.
func (r *replica) adopt(s *store.Store) {
	s.OnAudit = r.onAudit
	s.OnVerdict = r.onVerdict
	r.state.Store(s)
}

// detection is the group's failure detection time.
func (r *replica) detection() time.Duration {
	return time.Duration(r.settings.GetDetectionMs()) * time.Millisecond
}

// Receive takes messages from a link. (transport.Handler)
func (r *replica) Receive(from isis.MemberID, msgs []isis.Message) {
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		return
	}
	for i := range msgs {
		r.in.addPeer(from, &msgs[i])
	}
	if r.enterLocked() {
		r.turns()
	}
}

// post has fn called by the owner of the turn, soon. It tells whether it will:
// not after the replica has ended.
func (r *replica) post(fn func()) bool {
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		return false
	}
	r.in.calls = append(r.in.calls, fn)
	if r.enterLocked() {
		r.turns()
	}
	return true
}

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

// submit takes a command of the process itself. It may wait for admission, and
// tells whether the command was taken; then the waiter is told its result.
func (r *replica) submit(ctx context.Context, raw []byte, w waiter) bool {
	r.mu.Lock()
	if !r.admitWithinLocked(ctx) {
		r.mu.Unlock()
		return false
	}
	r.admitted += len(raw)
	r.in.addCommand(raw, w)
	if r.enterLocked() {
		r.turns()
	}
	return true
}

// guestTurns bounds the turns in a row of whoever has brought work. He has work
// of his own: a link's reader that does not read takes its peer for silent, a
// client connection's keeps its client waiting.
const guestTurns = 8

// turns works until nothing is left to do, or hands over to a goroutine that
// does.
func (r *replica) turns() {
	if !r.workOff(guestTurns) {
		r.background.Go(func() { r.workOff(math.MaxInt) })
	}
}

// workOff takes up to limit turns. It tells whether it has given up the turn:
// nothing was left, or the replica has ended.
func (r *replica) workOff(limit int) bool {
	var work *inbox
	for range limit {
		released := r.released
		r.released = 0
		if work = r.next(work, released); work == nil {
			return true // and another may own the turn already
		}
		r.turn(work)
		if r.failed != nil {
			r.end()
			return true
		}
	}
	r.keep(work)
	return false
}

// turn does one turn of the protocol: what came in, what it makes ready, one
// write to each peer, the deliveries, one write to each client.
func (r *replica) turn(work *inbox) {
	for i := range work.peers {
		p := &work.peers[i]
		if err := r.core.Step(p.from, &p.msg); err != nil {
			r.accuse(p.from, err)
		}
	}
	for _, call := range work.calls {
		call()
	}
	leaving := r.leaving.Load()
	for i := range work.commands {
		c := &work.commands[i]
		if leaving {
			r.released += c.end - c.start
			r.answer(c.waiter, wire.Result{Status: wire.StatusUnavailable})
			continue
		}
		r.order(work.bytes[c.start:c.end], c.waiter)
	}
	r.advance()
	r.flushClients()
}

// flushClients writes the replies of this turn, once to each client.
func (r *replica) flushClients() {
	for _, c := range r.dirty {
		c.flush()
	}
	clear(r.dirty)
	r.dirty = r.dirty[:0]
}

// order hands a command to the core, in whose order the waiter waits.
func (r *replica) order(raw []byte, w waiter) {
	if !r.core.Submit(raw) {
		r.released += len(raw)
		r.answer(w, wire.Result{Status: wire.StatusUnavailable})
		return
	}
	r.submitted++
	if planted.On(planted.EarlyReturn) {
		r.answer(w, wire.Result{Position: r.core.Position() + 1})
		w = waiter{}
	}
	r.waiting.push(pendingCommand{waiter: w, bytes: len(raw), since: r.pulsed})
}

// orderOwn orders a command of the node itself.
func (r *replica) orderOwn(c *wire.Command, done func(wire.Result)) {
	raw := c.Append(nil)
	r.mu.Lock()
	r.admitted += len(raw)
	r.mu.Unlock()
	r.order(raw, waiter{call: done})
}

// advance takes from the core what is ready until nothing more is.
func (r *replica) advance() {
	ready := r.core.Ready()
	for i := range ready.Messages {
		r.net.Send(ready.Messages[i].To, &ready.Messages[i].Message)
	}
	r.net.Flush()
	for _, err := range ready.Rejected {
		r.log.Error("a peer breaks the protocol", "err", err)
	}
	for i := range ready.Deliveries {
		r.apply(&ready.Deliveries[i])
	}
	for i := range ready.Entered {
		r.entered(ready.Entered[i])
	}
	r.wake()
	r.armAckTimer()
	r.beatIfNews()
	r.publishFeeds()
}

// armAckTimer sees to it that acknowledgements which wait for company go out
// alone after a while.
func (r *replica) armAckTimer() {
	if r.ackArmed || !r.core.AcksWait() {
		return
	}
	r.ackArmed = true
	r.ackTimer.Reset(ackDelay)
}

// ackDelay is how long an acknowledgement that nobody waits for may wait for a
// message to ride on.
const ackDelay = time.Millisecond

func (r *replica) sendAcks() {
	r.post(func() {
		r.ackArmed = false
		r.core.SendAcks()
	})
}

// fail ends the replica at the end of this turn. Owner only.
func (r *replica) fail(reason error) {
	if r.failed == nil {
		r.failed = reason
	}
}

// end stops all that runs. The outcome of commands under way is unknown here:
// the group may deliver them.
func (r *replica) end() {
	r.mu.Lock()
	r.stopped = true
	rest := r.in
	r.in = new(inbox)
	r.room.Broadcast()
	r.mu.Unlock()

	r.serving.Store(false)
	for {
		p, ok := r.waiting.pop()
		if !ok {
			break
		}
		r.answer(p.waiter, wire.Result{Status: wire.StatusInterrupted})
	}
	for i := range rest.commands {
		r.answer(rest.commands[i].waiter, wire.Result{Status: wire.StatusUnavailable})
	}
	r.refuseReads()
	for _, w := range r.audits.waiting {
		w.done(wire.Reply{Status: wire.StatusUnavailable})
	}
	r.audits.waiting = nil
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
	r.background.Wait()
}
