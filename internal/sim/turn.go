package sim

import (
	"bytes"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// turn does one turn of the protocol: what came in, what it makes ready, one
// write to each peer, the deliveries, the replies.
func (r *replica) turn() {
	r.turning = false
	if r.over {
		return
	}
	r.w.counts.Turns++
	if r.core.Attempt() != 0 && r.p.ambush(CrashFlush) {
		return
	}
	if !r.p.stuck {
		r.stepPeers()
	}
	calls := r.calls
	r.calls = nil
	for _, call := range calls {
		call()
		r.p.brink()
	}
	commands := r.commands
	r.commands = nil
	refuses := len(commands) > 0 && (r.leaving || !r.serves())
	for _, c := range commands {
		if refuses {
			r.answer(c, wire.Result{Status: wire.StatusUnavailable})
			continue
		}
		r.submit(c)
	}
	r.advance()
	if r.failed != goesOn {
		r.end()
		return
	}
	if len(r.calls) > 0 {
		r.wakeTurn()
	}
}

func (r *replica) stepPeers() {
	inbox := r.inbox
	r.inbox = nil
	for i := range inbox {
		m := &inbox[i]
		if r.w.tracing() {
			r.w.trace("%s < %s#%d %s", r, m.from.ID, m.from.Incarnation, describe(&m.msg))
		}
		if err := r.core.Step(m.from, &m.msg); err != nil {
			r.accuse(m.from, err)
		}
		r.p.brink()
	}
	if r.inbox == nil && cap(inbox) <= 1024 {
		clear(inbox)
		r.inbox = inbox[:0]
	}
}

// submit hands a command to the core.
func (r *replica) submit(c pendingCommand) {
	if !r.core.Submit(c.raw) {
		r.answer(c, wire.Result{Status: wire.StatusUnavailable})
		return
	}
	r.submitted++
	c.since, c.raw = r.pulsed, nil
	if planted.On(planted.EarlyReturn) {
		r.answer(c, wire.Result{Position: r.core.Position() + 1})
		c.done = nil
	}
	r.waiting = append(r.waiting, c)
}

func (r *replica) submitOwn(c *wire.Command, done func(wire.Result)) {
	r.submit(pendingCommand{raw: c.Append(nil), done: done})
}

func (r *replica) answer(c pendingCommand, result wire.Result) {
	if c.done != nil {
		c.done(result)
	}
}

// advance takes from the core what is ready.
func (r *replica) advance() {
	ready := r.core.Ready()
	for i := range ready.Messages {
		e := &ready.Messages[i]
		if r.w.tracing() {
			r.w.trace("  %s > %s#%d %s", r, e.To.ID, e.To.Incarnation, describe(&e.Message))
		}
		r.send(e.To, &e.Message)
	}
	r.flush()
	for _, err := range ready.Rejected {
		r.rejected(err)
	}
	for i := range ready.Deliveries {
		r.apply(&ready.Deliveries[i])
		r.p.brink()
	}
	for i := range ready.Entered {
		r.entered(ready.Entered[i])
	}
	r.renewLease()
	r.wake()
	if !r.ackArmed && r.core.AcksWait() {
		r.ackArmed = true
		r.p.after(time.Millisecond, func() {
			r.post(func() {
				r.ackArmed = false
				r.core.SendAcks()
			})
		})
	}
	if r.news() != r.beat.told {
		r.sendBeat()
	}
	r.publish()
}

// noted takes what a message did beside its results.
func (r *replica) noted(n *store.Notes) {
	for i := range n.Audits {
		r.takeAudit(&n.Audits[i])
	}
	for i := range n.Verdicts {
		r.decided(&n.Verdicts[i])
	}
	if n.Damage != nil {
		r.damagedBy(n.Damage)
	}
}

// apply applies a message at its place in the order and tells everyone who waits
// for it.
func (r *replica) apply(d *isis.Delivery) {
	payload := d.Payload
	if planted.On(planted.JoinerMisses) && !r.serving && d.View != 0 && r.core.View().ID != d.View {
		payload = nil // the positions pass, the writes are lost
	}
	if d.First != r.state.Applied()+1 {
		r.w.fail("gap: %s is given position %d after %d", r, d.First, r.state.Applied())
	}
	r.state.ApplyMessage(d.First, int(d.Count), payload, &r.outcome)
	r.noted(&r.outcome.Notes)
	if r.w.tracing() {
		r.w.trace("  %s delivers %d/%d of %s#%d at %d (%d)", r, d.View, d.Seq, d.Sender.ID, d.Sender.Incarnation, d.First, d.Count)
	}
	r.w.order(r.generation).deliver(r, d)
	if d.Own {
		for _, result := range r.outcome.Results {
			if len(r.waiting) == 0 {
				r.w.fail("own: %s delivers more commands of its own than it has submitted", r)
			}
			c := r.waiting[0]
			r.waiting = r.waiting[1:]
			r.answer(c, result)
		}
	}
	for _, f := range r.feeds {
		f.add(streamed{view: d.View, first: d.First, count: d.Count, sender: d.Sender, seq: d.Seq, payload: bytes.Clone(d.Payload)})
	}
}
