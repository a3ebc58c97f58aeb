package sim

import (
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// heartbeat is what a replica tells the registry.
type heartbeat struct {
	last     time.Duration
	told     news
	outgoing *beat // the newest only
	call     uint64
	calling  bool

	oldest   uint64 // own message that awaited PROPOSALs at the last look
	since    time.Duration
	awaiting []isis.MemberID
	entered  time.Duration
	accused  map[uint64]bool
}

// beat is a heartbeat on its way.
type beat struct {
	from   membership.From
	report membership.Report
	at     time.Duration
}

// news is what the registry should hear of at once.
type news struct {
	view, wedged, installed uint64
	ready                   bool
	links                   int
}

func (r *replica) news() news {
	n := news{
		view: r.core.View().ID, wedged: r.core.Attempt(), installed: r.core.Installed(),
		ready: r.observer.ready,
	}
	if r.core.Phase() == isis.Observing {
		for _, l := range r.links {
			if l.cur != nil {
				n.links++
			}
		}
	}
	return n
}

func (r *replica) sendBeat() {
	now := r.p.local()
	b := &r.beat
	b.last, b.told = now, r.news()
	b.outgoing = &beat{
		from: membership.From{ID: r.self.ID, Incarnation: r.self.Incarnation, Group: r.group, Generation: r.generation},
		report: membership.Report{
			View: b.told.view, Wedged: b.told.wedged, Installed: b.told.installed,
			Ready: b.told.ready, Observed: r.observer.donor.Incarnation,
			Peers: r.peersHeard(now), Position: r.core.Position(),
			Queue: uint32(r.core.Pending() + r.core.HeldBack()),
		},
		at: now,
	}
	r.call()
}

// call sends the newest heartbeat, one at a time.
func (r *replica) call() {
	b := &r.beat
	if b.calling || b.outgoing == nil || r.over {
		return
	}
	sent := b.outgoing
	b.outgoing = nil
	b.call++
	b.calling = true
	number := b.call
	over := func() {
		if b.calling && b.call == number {
			b.calling = false
			r.call()
		}
	}
	r.w.toRegistry(r.p.site, func() {
		r.w.registry.heartbeat(sent.from, sent.report, func(d membership.Directive, err error) {
			r.w.fromRegistry(r.p, func() {
				over()
				r.answered(d, err, sent)
			})
		})
	})
	r.p.after(r.w.traits.detection, over)
}

// answered takes the answer to a heartbeat.
func (r *replica) answered(d membership.Directive, err error, sent *beat) {
	switch {
	case err == nil:
		r.post(func() {
			r.takeVouch(&d, sent)
			r.directed(d)
		})
	case isOtherGeneration(err), planted.On(planted.ObeysOtherGroup) && isOtherGroup(err):
		r.w.chain.obeyed(r)
		r.post(func() { r.fail(newGeneration) })
	}
}

// peersHeard tells since when each peer is silent.
func (r *replica) peersHeard(now time.Duration) []membership.Peer {
	b := &r.beat
	var oldest uint64
	oldest, b.awaiting = r.core.Unanswered(b.awaiting[:0])
	if oldest != b.oldest {
		b.oldest, b.since = oldest, now
	}
	view := r.core.View()
	peers := make([]membership.Peer, 0, len(r.links))
	for _, l := range r.links {
		if r.core.Phase() == isis.Observing && l.cur == nil || view.ID != 0 && view.Rank(l.peer) < 0 {
			continue
		}
		heard := max(l.heard, b.entered)
		if heard == 0 {
			heard = now
		}
		silent := now - heard
		if slices.Contains(b.awaiting, l.peer) {
			silent = max(silent, now-b.since)
		}
		if b.accused[l.peer.Incarnation] {
			silent = max(silent, r.w.traits.detection)
		}
		peers = append(peers, membership.Peer{Incarnation: l.peer.Incarnation, Silent: max(silent, 0).Truncate(time.Millisecond)})
	}
	return peers
}

// accuse reports a member that breaks the protocol as one that is not heard.
func (r *replica) accuse(peer isis.MemberID, err error) {
	if r.w.tracing() {
		r.w.trace("%s accuses %s#%d: %v", r, peer.ID, peer.Incarnation, err)
	}
	r.w.fail("protocol: %s is told what breaks the protocol: %v", r, err)
}

func (r *replica) rejected(err error) {
	r.w.fail("protocol: %s kept what breaks the protocol: %v", r, err)
}

// pulse drives what depends on time.
func (r *replica) pulse() {
	if r.over {
		return
	}
	if r.serving {
		r.p.after(r.w.traits.heartbeat/2, r.pulse)
	} else {
		r.p.after(min(10*time.Millisecond, r.w.traits.heartbeat/4), r.pulse)
	}
	now := r.p.local()
	r.tick(now)
	if !r.serving && now-r.beat.last < r.w.traits.heartbeat {
		return // nothing else is due, and nobody waits
	}
	r.post(func() {
		now := r.p.local()
		r.pulsed = now
		r.lapseIfDue()
		if now-r.leases.probed >= r.w.traits.heartbeat {
			r.sendProbe()
		}
		r.expireReads(now)
		r.expireWrites(now)
		r.orderTime(now)
		r.verify()
		if now-r.beat.last >= r.w.traits.heartbeat {
			r.sendBeat()
		}
	})
}

func (r *replica) expireWrites(now time.Duration) {
	for i := range r.waiting {
		c := &r.waiting[i]
		if now-c.since < requestTimeout {
			return
		}
		r.answer(*c, wire.Result{Status: wire.StatusTimeout})
		c.done = nil
	}
}
