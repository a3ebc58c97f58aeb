package wires

import (
	"slices"
	"time"
)

// Bandwidth is what bytes share. What passes from one site to another passes the port of the
// first, the way between the two, and the port of the second, in the order in which it was
// sent. It does so as a stream of packets does: it has passed when the last of the three is
// done with it.

// Rate is bytes in a second. 0: without a bound.
type Rate float64

// segmentBytes is how many bytes of a write arrive together where bandwidth has a bound, as of
// TCP over Ethernet.
const segmentBytes = 1460

// lane is what bytes pass one after another.
type lane struct {
	limits []Rate        // of which the least counts
	free   time.Duration // when all that was sent so far has passed
}

// port is what connects a site: what it sends and what it receives do not disturb one another.
type port struct{ out, in lane }

// LimitPort bounds what passes a site's port in each direction, until it is lifted. Of several
// bounds the least counts. What was sent before passes as it would have done.
func (n *Network) LimitPort(site int, most Rate) (lift func()) {
	p := &n.ports[site]
	out, in := p.out.limit(most), p.in.limit(most)
	return func() {
		out()
		in()
	}
}

// LimitWay bounds likewise what passes from one site to another.
func (n *Network) LimitWay(from, to int, most Rate) (lift func()) {
	return n.ways[from*n.Sites+to].limit(most)
}

func (l *lane) limit(most Rate) (lift func()) {
	l.limits = append(l.limits, most)
	return func() {
		i := slices.Index(l.limits, most)
		l.limits = slices.Delete(l.limits, i, i+1)
	}
}

// limited reports whether bandwidth from one site to another has a bound.
func (n *Network) limited(from, to int) bool {
	return len(n.ports[from].out.limits)+len(n.ways[from*n.Sites+to].limits)+len(n.ports[to].in.limits) > 0
}

// Pass has bytes pass from one site to another, and returns how long that takes, with the wait
// for what was sent before.
func (n *Network) Pass(from, to, size int) time.Duration {
	now := n.Time.Now
	passed := max(n.ports[from].out.pass(now, size), n.ways[from*n.Sites+to].pass(now, size), n.ports[to].in.pass(now, size))
	return passed - now
}

// pass has bytes pass a lane, and returns when they have.
func (l *lane) pass(now time.Duration, size int) time.Duration {
	if len(l.limits) == 0 {
		return now
	}
	l.free = max(l.free, now) + slices.Min(l.limits).Time(size)
	return l.free
}

// Time is how long bytes take at a rate.
func (r Rate) Time(size int) time.Duration {
	if r == 0 {
		return 0
	}
	return time.Duration(float64(size) / float64(r) * float64(time.Second))
}
