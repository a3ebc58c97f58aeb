package wires

import (
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/internal/transport/stream"
	"github.com/seed-8247e700/dsm/isis"
)

var errPeerLost = errors.New("the peer began anew")

// greeting is what a dialler says first.
type greeting struct {
	of         *Links
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
	l.r.Process.After(pause-UpTo(l.r.Random, pause/2+1), l.dial)
}

// dial connects to the peer and begins the handshake.
func (l *link) dial() {
	if l.closed || l.cur != nil || l.dialing != nil || l.r.closed {
		return
	}
	target := l.r.Find(l.addr)
	if target == nil {
		l.redial()
		return
	}
	c := l.r.Network.Connect(l.r.Site, l.r.Process, target.Where(), target)
	l.dialing = c
	l.attempt++
	g := greeting{of: l.r, from: l.r.Self, to: l.peer, group: l.r.Group, gen: l.r.Generation, attempt: l.attempt, claim: l.claim()}
	failed := func() {
		if l.dialing == c {
			l.dialing = nil
			c.Close(0)
			l.redial()
		}
	}
	c.Ends[0].OnClose = failed
	l.r.Process.After(l.r.Detection, failed) // the handshake's time
	c.Send(1, func() { target.Links().greeted(c, g) })
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

// greeted answers a dialler. There may be no links.
func (r *Links) greeted(c *Conn, g greeting) {
	refuse := func(claim *stream.Claim) {
		c.Send(0, func() { g.of.refused(c, g, claim) })
		c.Close(1)
	}
	if r == nil || r.closed || g.group != r.Group || g.gen != r.Generation || g.to != r.Self {
		refuse(nil)
		return
	}
	l := r.linkWith(g.from.Incarnation)
	if l == nil || l.dials || l.closed || g.attempt <= l.newest {
		refuse(nil)
		return
	}
	if l.incoming != nil {
		l.incoming.Close(1)
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
	c.Send(0, func() { g.of.welcomed(c, g, mine) })
	if !l.attach(c, 1, mine, g.claim) {
		c.Close(1)
	}
}

// refused takes a refusal, and draws the consequences of a claim that does not
// fit.
func (r *Links) refused(c *Conn, g greeting, theirs *stream.Claim) {
	l := r.linkWith(g.to.Incarnation)
	if r.closed || l == nil || l.dialing != c {
		return
	}
	if theirs != nil && !l.dead && l.out.Epoch() == g.claim.Epoch {
		l.settle(*theirs)
	}
}

// welcomed puts a connection into use on the dialler's side.
func (r *Links) welcomed(c *Conn, g greeting, theirs stream.Claim) {
	l := r.linkWith(g.to.Incarnation)
	if r.closed || l == nil || l.dialing != c {
		return
	}
	l.dialing = nil
	if !l.attach(c, 0, g.claim, theirs) {
		c.Close(0)
		l.redial()
		return
	}
	l.pause = leastRedial
}

// attach puts a connection into use whose ends have told one another their
// claims.
func (l *link) attach(c *Conn, side int, mine, theirs stream.Claim) bool {
	if l.closed || l.dead || !l.settle(theirs) || l.out.Epoch() != mine.Epoch {
		return false
	}
	if err := l.out.Resume(theirs); err != nil {
		l.die(err)
		return false
	}
	if l.in.receipt.Received() > 0 || theirs.Received > 0 {
		l.r.Counts.Resumed++
	}
	a := &attachment{c: c, side: side, in: l.in, since: l.r.Process.Steady()}
	l.cur = a
	c.Ends[side].OnData = func(data []byte) { l.received(a, data) }
	c.Ends[side].OnClose = func() { l.breakOff(a) }
	l.push()
	return true
}
