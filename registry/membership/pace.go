package membership

import (
	"fmt"
	"time"
)

// pacing is how fast members may send while a joiner cannot keep up. What the group
// delivers goes to a joiner over one connection, beside the state, and members send to one
// another over many: where links are slow, the joiner would fall behind for ever.
type pacing struct {
	rate   uint64        // bytes a second, of each member; 0: any
	least  uint64        // no less than that
	again  time.Duration // when to look again
	steady bool          // what was under way when the rate was set has come
	behind uint64        // how many bytes waited for the joiner at the last look
}

// At most so many bytes, and as many as the joiner receives in a detection time, may wait for
// it before members are slowed, but always so few.
const (
	mostBehind  = 8 << 20
	leastBehind = 512 << 10
)

// leastPace is the slowest that a member is made to send, in bytes a second.
const leastPace = 4 << 10

// paceShare is which part of what a joiner receives members send together: the rest of its link
// brings the state, and what waits.
const paceShare = 4

// paceSteps is how often the rate is halved at most.
const paceSteps = 3

// pace slows the members when a joiner is far behind: together they send a share of what it
// receives, so that the state comes as well; and half of that, a few times, if it falls
// further behind once what was under way has come. It lasts until there is no joiner.
func (g *Group) pace() {
	base := g.committed()
	p := &g.pacing
	if len(g.nodes) <= len(base.Members) {
		if p.rate != 0 {
			g.changes++
		}
		*p = pacing{}
		return
	}
	var behind, rate uint64
	var donor Member
	for _, m := range base.Members {
		if r := g.nodes[m.Incarnation].report; r.Feed > behind {
			behind, rate, donor = r.Feed, r.FeedRate, m
		}
	}
	due := uint64(float64(rate) * g.state.Settings.Detection.Seconds())
	if behind < min(max(due, leastBehind), mostBehind) || g.now < p.again {
		return
	}
	before := p.rate
	switch {
	case p.rate == 0:
		p.rate = max(rate/paceShare/uint64(len(base.Members)), leastPace)
		p.least = max(p.rate>>paceSteps, leastPace)
	case p.steady && behind > p.behind:
		p.rate = max(p.rate/2, p.least)
	}
	p.steady = p.rate == before
	// What is under way still comes, for about as long as what waits now takes.
	p.again = g.now + max(time.Duration(behind/max(rate, 1))*time.Second, g.state.Settings.Detection)
	p.behind = behind
	if p.rate != before {
		g.changes++ // told, and forgotten by a restart, as ease is
		g.event(Event{Kind: EventPaced, Node: donor, Reason: fmt.Sprintf(
			"a joiner that it gives the state to is %d MiB behind, and receives %d KiB/s: each member sends at most %d KiB/s", behind>>20, rate>>10, p.rate>>10)})
	}
}
