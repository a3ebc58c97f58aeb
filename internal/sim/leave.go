package sim

import (
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/registry/membership"
)

var errPeerLost = errors.New("the peer began anew")

// leaveTime is how long a process tries to leave before it ends all the same.
func (w *world) leaveTime() time.Duration { return 4 * w.traits.detection }

// leaveAgain is how often the registry is asked to let a node go.
const leaveAgain = 200 * time.Millisecond

// leave takes the node out of its group: it finishes what its clients have
// submitted, and has the registry make a view without it.
func (p *process) leave() {
	if p.w.tracing() {
		p.w.trace("%s is to leave", p)
	}
	p.leaving, p.leftAt = true, p.local()
	p.after(p.w.leaveTime(), func() {
		if p.leaving && p.local()-p.leftAt >= p.w.leaveTime() {
			p.giveUpLeaving()
		}
	})
	p.leaveOn()
}

// giveUpLeaving ends a process that was not let go. Its group notices its silence.
func (p *process) giveUpLeaving() {
	if spent := p.local() - p.leftAt; spent < p.w.leaveTime() {
		p.w.fail("leave: %s gives up after %v of the %v that it has", p, spent, p.w.leaveTime())
	}
	if p.w.tracing() {
		p.w.trace("%s is not let go", p)
	}
	p.w.counts.NotLetGo++
	p.crash(true)
	if p.host != nil {
		p.w.planRestart(p.host)
	}
}

// leaveOn goes on leaving, with the incarnation that there is.
func (p *process) leaveOn() {
	r := p.current
	if !p.leaving {
		return
	}
	if r == nil || r.over {
		p.stop()
		p.w.afterLeave(p)
		return
	}
	r.leaving = true
	r.finishWrites()
}

func (r *replica) finishWrites() {
	r.post(func() {
		r.core.DeliverSafely(true)
		if r.core.Idle() {
			r.askToLeave()
		} else {
			r.p.after(5*time.Millisecond, r.finishWrites)
		}
	})
}

func (r *replica) askToLeave() {
	if r.over {
		return
	}
	from := membership.From{ID: r.self.ID, Incarnation: r.self.Incarnation, Group: r.group, Generation: r.generation}
	answered := false
	r.w.toRegistry(r.p.site, func() {
		r.w.registry.leave(from, func(err error) {
			r.w.fromRegistry(r.p, func() {
				answered = true
				if errors.Is(err, membership.ErrLastMember) || errors.Is(err, membership.ErrMinMembers) {
					r.stay()
				}
			})
		})
	})
	r.p.after(leaveAgain, func() {
		switch {
		case !r.leaving || r.over:
		case !answered && planted.On(planted.LeaveGivesUp):
			r.p.giveUpLeaving()
		default:
			r.askToLeave()
		}
	})
}

// stay gives up to leave: the registry refuses.
func (r *replica) stay() {
	if r.over {
		return
	}
	r.p.leaving, r.leaving = false, false
	r.post(func() { r.core.DeliverSafely(false) })
}

// afterLeave has a node that has left come back some time.
func (w *world) afterLeave(p *process) {
	w.counts.Left++
	if p.host != nil {
		w.planRestart(p.host)
	}
}
