package server

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// apply applies a message at its place in the order and tells everyone who
// waits for it.
func (r *replica) apply(d *isis.Delivery) {
	s := r.state.Load()
	payload := d.Payload
	if planted.On(planted.JoinerMisses) && !r.inView.Load() && d.View != 0 && r.core.View().ID != d.View {
		payload = nil // the positions pass, the writes are lost
	}
	s.ApplyMessage(d.First, int(d.Count), payload, &r.outcome)
	r.noted(&r.outcome.Notes)
	if d.Own {
		for _, result := range r.outcome.Results {
			p, ok := r.waiting.pop()
			if !ok {
				panic("server: an own message was delivered with more commands than were submitted")
			}
			r.released += p.size
			r.tell(p.ticket, p.size, replyOf(&result))
		}
	}
	if r.cfg.OnDeliver == nil && len(r.feeds) == 0 {
		return
	}
	r.delivery = wire.Delivery{
		View: d.View, Sender: d.Sender.ID, Incarnation: d.Sender.Incarnation, Seq: d.Seq,
		First: d.First, Count: int(d.Count), Payload: d.Payload, Effects: r.outcome.Effects,
	}
	for _, f := range r.feeds {
		f.add(&r.delivery) // a copy, before the program has the bytes in its hands
	}
	if r.cfg.OnDeliver != nil {
		r.onDeliver()
		r.outcome.Effects = nil
	}
}

// noted takes what a message did beside its results. Owner only.
func (r *replica) noted(n *store.Notes) {
	for i := range n.Audits {
		r.audited(&n.Audits[i])
	}
	for i := range n.Verdicts {
		r.decided(&n.Verdicts[i])
	}
	for i := range n.Crowds {
		r.tellCrowd(&n.Crowds[i])
	}
	if n.Damage != nil {
		r.damagedBy(n.Damage) // those who wait for this message are told to ask another node
	}
}

// expireWrites tells those that have waited too long for a delivery that nobody
// knows the outcome.
func (r *replica) expireWrites(now time.Time) {
	for {
		t, size, late := r.waiting.expire(now.Add(-defaultTimeout))
		if !late {
			return
		}
		r.tell(t, size, wire.Reply{Status: wire.StatusTimeout})
	}
}

// touch has the connection flushed at the end of the turn.
func (r *replica) touch(c *clientConn) {
	if !c.touched {
		c.touched = true
		r.dirty = append(r.dirty, c)
	}
}
