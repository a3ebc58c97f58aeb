package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// around is what surrounds a member: its host and its links. A process may crash in
// whatever its member asks for.
type around struct {
	*wires.Links
	r *replica
}

// Send is part of member.Links.
func (h around) Send(to isis.MemberID, m *isis.Message) {
	r := h.r
	if r.w.tracing() {
		r.w.trace("  %s > %s#%d %s", r, to.ID, to.Incarnation, describe(m))
	}
	r.p.Brink()
	r.links.Send(to, m)
}

// Timer is part of member.Host.
func (h around) Timer(t member.Timer, after time.Duration) {
	r := h.r
	r.p.Brink()
	r.timers[t]++
	number := r.timers[t]
	r.p.After(after, func() {
		if !r.over && r.timers[t] == number {
			r.call(r.fires[t])
		}
	})
}

// Beat is part of member.Host.
func (h around) Beat(b *member.Beat) {
	h.r.p.Brink()
	b.Report.Clients = uint32(len(h.r.clients))
	h.r.wedged = b.Report.Wedged
	h.r.beat.outgoing = b
	h.r.post()
}

// AskToLeave is part of member.Host.
func (h around) AskToLeave(from membership.From, force bool, reason string) {
	r := h.r
	r.p.Brink()
	r.safe = r.reader.Leaving()
	answered := false
	answer := func(err error) {
		if !answered {
			answered = true
			r.call(func(m *member.Member) { m.LeaveAnswered(err) })
		}
	}
	r.p.ask(func(k *keeper.Keeper, now time.Duration) func() {
		err := k.Leave(now, from, force, reason)
		return func() { answer(err) }
	})
	r.p.After(time.Second, func() { answer(errNoAnswer) })
}

var errNoAnswer = errors.New("sim: the registry does not answer")

// Delivered is part of member.Host.
func (h around) Delivered(d *wire.Delivery) {
	r := h.r
	if d.First != r.applied+1 {
		r.w.fail("gap: %s is given position %d after %d", r, d.First, r.applied)
	}
	r.applied = d.First + uint64(d.Count) - 1
	if r.w.tracing() {
		r.w.trace("  %s delivers %d/%d of %s#%d at %d (%d)", r, d.View, d.Seq, d.Sender, d.Incarnation, d.First, d.Count)
	}
	r.understands(d)
	r.w.order(r.generation).deliver(r, d, r.member.Outcome())
	for _, f := range r.feeds {
		if f.ended == nil { // as the server's, which takes nothing more
			f.queue = wire.AppendDelivery(f.queue, d)
		}
	}
	r.p.Brink()
}

// Event is part of member.Host.
func (h around) Event(e member.Event) {
	r, counts := h.r, &h.r.w.counts
	if _, crowd := e.(member.Crowd); r.w.tracing() && !crowd { // which prints as a pointer
		r.w.trace("  %s: %T %+v", r, e, e)
	}
	switch e := e.(type) {
	case member.Entered:
		r.entered(&e)
	case member.Ignored:
		r.hears = nil
	case member.Outdated:
		r.hears = nil
		counts.Outdated++
		if e.Revision>>32 < e.Latest>>32 {
			counts.Deposed++
		}
	case member.Excluded:
		if r.obeys = r.hears.Excluded; !r.obeys {
			counts.Missed++
		}
	case member.Accused:
		r.w.fail("protocol: %s is told what breaks the protocol: %v", r, e.Err)
	case member.Rejected:
		r.w.fail("protocol: %s kept what breaks the protocol: %v", r, e.Err)
	case member.LeaveRefused:
		r.stays(e.Err)
	case member.Serves:
		r.everServed = true
	case member.Doubted:
		counts.Doubts++
	case member.Lapsed:
		counts.Lapses++
		r.lapsed = true
	case member.Loaded:
		counts.Snapshots++
		if state := r.reader.State(); state.Kept() < state.Applied() {
			counts.Histories++
		}
		if r.reader.State().Timers() > 0 {
			counts.WithTimers++
		}
		if r.reader.State().Owners() > 0 {
			counts.WithOwners++
		}
		r.applied = e.Position
		r.w.order(r.generation).loaded(r)
	case member.TransferOver:
		if errors.Is(e.Err, member.ErrOutrun) {
			counts.Outrun++
			r.giveMoreRoom()
		}
	case member.Audited:
		r.audited()
	case member.Verdict:
		counts.Audits++
		r.differ(e.Position, e.Differing)
	case member.DamageFound:
		r.foundDamage(&e)
	case member.Whole:
		r.whole()
	}
	r.p.Brink()
}

// entered notes that the replica is in a view: it observes nobody, and those in the view
// do not observe it.
func (r *replica) entered(e *member.Entered) {
	r.view, r.p.served = e.View, true
	r.w.chain.entered(r, &e.View)
	for _, f := range r.feeds {
		if slices.ContainsFunc(e.View.Members, func(m isis.MemberID) bool { return m.Incarnation == f.joiner }) {
			f.ended = member.ErrMemberNow
		} else if e.Rises {
			f.ended = member.ErrNoDonor
			r.w.counts.LeftBehind++
		}
	}
	r.joining.stop()
}
