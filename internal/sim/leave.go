package sim

import (
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// leaveTime is how long a process tries to leave before it ends all the same.
func (w *world) leaveTime() time.Duration { return 4 * w.traits.detection }

// leave takes the node out of its group.
func (p *process) leave() {
	p.w.trace("%s is to leave", p)
	p.leaving, p.leftAt = true, p.Steady()
	p.After(p.w.leaveTime(), func() {
		if p.leaving && p.Steady()-p.leftAt >= p.w.leaveTime() {
			p.giveUpLeaving()
		}
	})
	p.leaveOn()
}

// giveUpLeaving ends a process that was not let go, and has the registry told. If that does
// not hear it, the group notices the silence.
func (p *process) giveUpLeaving() {
	p.w.trace("%s is not let go", p)
	p.w.counts.NotLetGo++
	r := p.current
	p.crash(true)
	if r != nil {
		from := r.member.From()
		p.ask(func(k *keeper.Keeper, now time.Duration) func() {
			if err := k.Stopped(now, from, false); err == nil {
				p.w.counts.StoppedTold++
			}
			return func() {}
		})
	}
	if p.host != nil {
		p.w.planRestart(p.host)
	}
}

// stays holds that only a refusal that stands keeps a node in its group.
func (r *replica) stays(err error) {
	if !errors.Is(err, membership.ErrLastMember) && !errors.Is(err, membership.ErrMinMembers) &&
		(!errors.Is(err, membership.ErrOtherGroup) || !r.p.strays()) {
		r.w.fail("leave: %s gives up to leave: %v", r, err)
	}
	r.p.leaving, r.safe = false, false
}

// leaveOn goes on leaving, with the incarnation that there is.
func (p *process) leaveOn() {
	switch r := p.current; {
	case !p.leaving:
	case r == nil || r.over:
		p.stop()
		p.w.afterLeave(p)
	default:
		r.call(func(m *member.Member) { m.Leave(false) })
	}
}

// afterLeave has a node that has left come back some time.
func (w *world) afterLeave(p *process) {
	w.counts.Left++
	if p.host != nil {
		w.planRestart(p.host)
	}
}
