package sim

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/lease"
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
			r.vouched(&d, sent)
			r.directed(d)
		})
	case isOtherGeneration(err):
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
		if now-r.tenure.probed >= r.w.traits.heartbeat {
			r.probe()
		}
		r.expireReads(now)
		r.expireWrites(now)
		r.orderTime(now)
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

// tenure is a replica's lease: without one it serves nobody.
type tenure struct {
	until    time.Duration
	lease    lease.Lease
	probes   uint64
	probed   time.Duration
	held     bool
	everHeld bool
}

func (r *replica) serves() bool { return r.serving && r.p.local() < r.tenure.until }

func (r *replica) probe() {
	t := &r.tenure
	t.probes++
	t.probed = r.p.local()
	t.lease.Probed(t.probes, t.probed)
	r.core.Probe(t.probes)
}

// vouched takes the registry's answer to a heartbeat.
func (r *replica) vouched(d *membership.Directive, sent *beat) {
	view := sent.report.View
	if view == 0 || d.Excluded || d.Group != r.group || d.Generation != r.generation {
		return
	}
	for i := range d.Views {
		if d.Views[i].ID > view {
			return
		}
	}
	r.tenure.lease.Vouched(sent.at, r.p.local())
}

// renew takes what others have vouched for in this turn.
func (r *replica) renew() {
	t := &r.tenure
	t.lease.Time = r.w.traits.detection
	t.lease.Answered(r.core.Vouched(), r.p.local())
	t.until = t.lease.Until()
	if !t.held && r.serves() {
		t.held, t.everHeld = true, true
	}
}

// lapseIfDue tells those who wait when the lease has run out.
func (r *replica) lapseIfDue() {
	if !r.tenure.held || r.serves() {
		return
	}
	r.tenure.held = false
	r.w.counts.Lapses++
	if r.w.tracing() {
		r.w.trace("%s has no lease any more", r)
	}
	for i := range r.waiting {
		c := &r.waiting[i]
		r.answer(*c, wire.Result{Status: wire.StatusInterrupted})
		c.done = nil
	}
	r.refuseReads()
}

// ordinalClock times what the view's first member puts into the order.
type ordinalClock struct {
	first           bool
	ticked, audited time.Duration
	tick, audit     time.Duration
	ordering        bool
}

func (c *ordinalClock) enter(r *replica, first bool) {
	if first && !c.first {
		c.ticked, c.audited = r.p.local(), r.p.local()
	}
	c.first = first
}

func (r *replica) orderTime(now time.Duration) {
	c := &r.clock
	if !c.first || r.core.Phase() != isis.Normal || !r.serves() {
		return
	}
	if since := now - c.ticked; since >= c.tick && !c.ordering {
		c.ticked, c.ordering = now, true
		r.submitOwn(&wire.Command{Op: wire.OpTick, Delta: min(since, c.tick).Milliseconds()}, func(wire.Result) { c.ordering = false })
	}
	if now-c.audited >= c.audit {
		c.audited = now
		var voters []string
		for _, m := range r.core.View().Members {
			voters = append(voters, memberName(m))
		}
		r.submitOwn(&wire.Command{Op: wire.OpAudit, Value: wire.AppendStrings(nil, voters)}, nil)
	}
}

func (r *replica) onAudit(position, digest uint64, voters []string) {
	name := memberName(r.self)
	if !slices.Contains(voters, name) {
		return
	}
	vote := wire.Command{
		Op: wire.OpAuditVote, Key: name, Expect: position,
		Value: binary.LittleEndian.AppendUint64(nil, digest),
	}
	r.post(func() { r.submitOwn(&vote, nil) })
}

func (r *replica) onVerdict(position uint64, differing []string) {
	r.w.counts.Audits++
	if len(differing) > 0 {
		r.w.fail("audit: at %d replicas differ: %v", position, differing)
	}
}
