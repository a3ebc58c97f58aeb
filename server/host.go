package server

import (
	"context"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// host is a replica as the host of its member. Its methods are called by the owner of
// the turn.
type host struct{ r *replica }

// newTimers makes the timers that the member asks for. They stand still at first.
func (r *replica) newTimers() {
	for t := range member.Timers {
		fire := func(m *member.Member) { m.Fire(t) }
		if t == member.TimerPulse {
			fire = func(m *member.Member) {
				m.Fire(t)
				r.front.pulse()
			}
		}
		r.timers[t] = time.AfterFunc(time.Hour, func() { r.post(fire) })
		r.timers[t].Stop()
	}
}

// Timer is part of member.Host.
func (h host) Timer(t member.Timer, after time.Duration) { h.r.timers[t].Reset(after) }

// doubt has the owner of the turn look at the lease.
func (r *replica) doubt() { r.timers[member.TimerPulse].Reset(0) }

// Beat is part of member.Host.
func (h host) Beat(b *member.Beat) {
	b.Report.Clients = uint32(h.r.front.clients.len())
	select {
	case <-h.r.beats:
	default:
	}
	h.r.beats <- b
}

// AskToLeave is part of member.Host.
func (h host) AskToLeave(from membership.From, force bool, reason string) {
	h.r.leaves.asked <- leaveRequest{from, force, reason}
}

// Observe is part of member.Host.
func (h host) Observe(t *member.Transfer) {
	r := h.r
	if r.endTransfer != nil {
		r.endTransfer()
	}
	r.following = false
	if t == nil {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	r.endTransfer = cancel
	r.background.Go(func() {
		err := r.follow(ctx, t)
		r.post(func(m *member.Member) { m.TransferEnded(t, err) })
	})
}

// Delivered is part of member.Host.
func (h host) Delivered(d *wire.Delivery) { h.r.front.delivered(d) }
