package sim

import (
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// toRegistry carries a request from a site to the registry, which may not run
// then. Requests get lost, doubled, and late.
func (w *world) toRegistry(from int, what func()) {
	w.mail(from, w.registrySite(), func() {
		if w.registry.up {
			what()
		}
	})
}

// ask has the registry do something, and carries what it returns back to the process,
// which may have ended then.
func (p *process) ask(do func(k *keeper.Keeper, now time.Duration) (answer func())) {
	p.w.toRegistry(p.site, func() {
		g := p.w.registry
		g.step(func(k *keeper.Keeper, now time.Duration) {
			answer := do(k, now)
			g.afterSave(func() { p.w.fromRegistry(p, answer) })
		})
	})
}

// fromRegistry carries an answer or a directive to a process.
func (w *world) fromRegistry(p *process, what func()) {
	w.mail(w.registrySite(), p.site, func() { p.Do(what) })
}

// mailBytes is about how long a word to or from the registry is.
const mailBytes = 200

func (w *world) mail(from, to int, what func()) {
	t := &w.traits
	if w.network.Cut(from, to) {
		return
	}
	delay := w.network.Pass(from, to, mailBytes) + w.network.Delay(from, to)
	if !w.healed {
		if chance(w.random.mail, t.loss) && !w.options.Without.Has(MailLost) {
			w.counts.Faults[MailLost]++
			return
		}
		if chance(w.random.mail, t.double) && !w.options.Without.Has(MailDoubled) {
			w.counts.Faults[MailDoubled]++
			w.After(delay+upTo(w.random.mail, t.detection), what)
		}
		if chance(w.random.mail, t.late) && !w.options.Without.Has(MailLate) {
			w.counts.Faults[MailLate]++
			delay += upTo(w.random.mail, 3*t.detection)
		}
	}
	w.After(delay, what)
}

// register announces the process to the registry, again and again until it gets
// an incarnation.
func (p *process) register() {
	r := membership.Registration{
		ID: p.id, PeerAddr: p.addr, ClientAddr: p.addr, Group: p.last.group, ProvedDead: p.last.incarnation,
		FeatureLevel: p.level, Nonce: 1 + p.random.Uint64()>>1,
	}
	p.announce(r, leastPause)
}

func (p *process) announce(r membership.Registration, wait time.Duration) {
	if p.leaving {
		p.stop()
		p.w.afterLeave(p)
		return
	}
	before := p.current
	done := false
	p.ask(func(k *keeper.Keeper, now time.Duration) func() {
		became := k.Register(now, r)[0]
		incarnation, d, err := became.Incarnation, became.Directive, became.Err
		return func() {
			switch {
			case done || p.current != before:
			case err == nil:
				done = true
				p.newReplica(incarnation, d)
				if p.leaving {
					p.leaveOn()
				}
			default:
				p.w.trace("%s is not registered: %v", p, err)
				if errors.Is(err, membership.ErrOtherGroup) && p.current == nil {
					// A process that starts has no state and may join any group.
					r.Group, r.ProvedDead = 0, 0
				}
				if errors.Is(err, membership.ErrOldRelease) {
					p.w.counts.OldReleases++
					p.level = wire.LevelNewest // somebody has read why
					r.FeatureLevel = p.level
				}
			}
		}
	})
	p.After(wait+p.w.traits.detection/4, func() {
		if !done && p.current == before {
			p.announce(r, min(2*wait, mostPause))
		}
	})
}

// watch has the registry push directives to this replica, again after each
// restart of the registry.
func (r *replica) watch() {
	if r.over {
		return
	}
	r.w.toRegistry(r.p.site, func() { r.w.registry.watch(r.member.From(), r) })
	r.p.After(2*r.w.traits.detection, r.watch)
}

// pushed takes a directive that the registry pushes.
func (r *replica) pushed(d membership.Directive) {
	r.w.fromRegistry(r.p, func() {
		r.call(func(m *member.Member) { r.hear(&d, func() { m.Directed(&d) }) })
	})
}

// mailbox has a replica's heartbeats sent, one at a time, of which the newest only waits.
type mailbox struct {
	outgoing *member.Beat
	number   uint64
	sending  bool
}

// post sends the newest heartbeat, unless one is on its way.
func (r *replica) post() {
	b := &r.beat
	if b.sending || b.outgoing == nil || r.over {
		return
	}
	sent := b.outgoing
	b.outgoing, b.sending = nil, true
	b.number++
	number := b.number
	over := func() {
		if b.sending && b.number == number {
			b.sending = false
			r.post()
		}
	}
	r.p.ask(func(k *keeper.Keeper, now time.Duration) func() {
		d, err := k.Heartbeat(now, sent.From, sent.Report)
		return func() {
			over()
			r.call(func(m *member.Member) {
				if err != nil {
					m.Answered(sent, nil, err)
					return
				}
				r.hear(&d, func() { m.Answered(sent, &d, nil) })
			})
		}
	})
	r.p.After(r.reader.Detection(), over)
}
