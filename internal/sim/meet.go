package sim

import (
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/internal/transport/stream"
	"github.com/seed-8247e700/dsm/isis"
)

var errPeerLost = errors.New("the peer began anew")

// greeting is what a dialler says first.
type greeting struct {
	from, to   isis.MemberID
	group, gen uint64
	attempt    uint64
	claim      stream.Claim
}

// Pauses between dials.
const (
	leastRedial = 10 * time.Millisecond
	mostRedial  = 500 * time.Millisecond
)

// redial dials again after a pause.
func (l *link) redial() {
	pause := l.pause
	l.pause = min(max(2*pause, leastRedial), mostRedial)
	l.r.p.after(pause-upTo(l.r.w.machines, pause/2+1), l.dial)
}

// dial connects to the peer and begins the handshake.
func (l *link) dial() {
	if l.closed || l.cur != nil || l.dialing != nil || l.r.over {
		return
	}
	w := l.r.w
	target := w.byAddr[l.addr]
	if target == nil {
		l.redial()
		return
	}
	c := w.connect(l.r.p.site, l.r.p, target)
	l.dialing = c
	l.attempt++
	g := greeting{from: l.r.self, to: l.peer, group: l.r.group, gen: l.r.generation, attempt: l.attempt, claim: l.claim()}
	failed := func() {
		if l.dialing == c {
			l.dialing = nil
			c.close(0)
			l.redial()
		}
	}
	c.ends[0].onClose = failed
	l.r.p.after(w.traits.detection, failed) // the handshake's time
	c.send(1, func() { target.greeted(c, g) })
}

func (l *link) claim() stream.Claim {
	c := l.out.Claim(l.in.receipt.Received())
	c.Dead = l.dead
	return c
}

// settle decides by the peer's claim how to go on, and does it. True means that
// the two ends fit.
func (l *link) settle(theirs stream.Claim) bool {
	verdict := l.out.Meet(theirs)
	if verdict == stream.Restart {
		l.beginAnew()
		verdict = l.out.Meet(theirs)
	}
	if verdict == stream.Lost {
		l.die(errPeerLost)
	}
	return verdict == stream.Resume
}

// greeted answers a dialler.
func (p *process) greeted(c *conn, g greeting) {
	refuse := func(claim *stream.Claim) {
		c.send(0, func() { p.w.replicas[g.from.Incarnation].refused(c, g, claim) })
		c.close(1)
	}
	r := p.current
	if r == nil || r.over || g.group != r.group || g.gen != r.generation || g.to != r.self {
		refuse(nil)
		return
	}
	l := r.linkWith(g.from.Incarnation)
	if l == nil || l.dials || l.closed || g.attempt <= l.newest {
		refuse(nil)
		return
	}
	if l.incoming != nil {
		l.incoming.close(1)
	}
	if l.cur != nil {
		l.breakOff(l.cur)
	}
	l.newest, l.incoming = g.attempt, c
	fits := !l.dead && l.settle(g.claim)
	mine := l.claim()
	if !fits {
		refuse(&mine)
		return
	}
	c.send(0, func() { p.w.replicas[g.from.Incarnation].welcomed(c, g, mine) })
	if !l.attach(c, 1, mine, g.claim) {
		c.close(1)
	}
}

// refused takes a refusal, and draws the consequences of a claim that does not
// fit.
func (r *replica) refused(c *conn, g greeting, theirs *stream.Claim) {
	l := r.linkWith(g.to.Incarnation)
	if r.over || l == nil || l.dialing != c {
		return
	}
	if theirs != nil && !l.dead && l.out.Epoch() == g.claim.Epoch {
		l.settle(*theirs)
	}
}

// welcomed puts a connection into use on the dialler's side.
func (r *replica) welcomed(c *conn, g greeting, theirs stream.Claim) {
	l := r.linkWith(g.to.Incarnation)
	if r.over || l == nil || l.dialing != c {
		return
	}
	l.dialing = nil
	if !l.attach(c, 0, g.claim, theirs) {
		c.close(0)
		l.redial()
		return
	}
	l.pause = leastRedial
}

// attach puts a connection into use whose ends have told one another their
// claims.
func (l *link) attach(c *conn, side int, mine, theirs stream.Claim) bool {
	if l.closed || l.dead || !l.settle(theirs) || l.out.Epoch() != mine.Epoch {
		return false
	}
	if err := l.out.Resume(theirs); err != nil {
		l.die(err)
		return false
	}
	if l.in.receipt.Received() > 0 || theirs.Received > 0 {
		l.r.w.counts.Resumed++
	}
	a := &attachment{c: c, side: side, in: l.in, since: l.r.p.local()}
	l.cur = a
	c.ends[side].onData = func(data []byte) { l.received(a, data) }
	c.ends[side].onClose = func() { l.breakOff(a) }
	l.push()
	return true
}
