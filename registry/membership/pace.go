package membership

import (
	"fmt"
	"slices"
	"time"
)

// pacing is how fast members may send while a joiner cannot keep up. What the group
// delivers goes to a joiner over one connection, beside the state, and members send to one
// another over many: where links are slow, the joiner would fall behind for ever.
type pacing struct {
	rate   uint64        // bytes a second, of each member; 0: any
	least  uint64        // no less than that
	again  time.Duration // when to look again
	raise  time.Duration // when to let members send more, at the earliest
	steady bool          // what was under way when the rate was set has come
	behind uint64        // how many bytes waited for the joiner at the last look
	budget paceBudget
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

// longestLook bounds the seconds until the rate is looked at again.
const longestLook = 60

// paceCalm is for how many detection times more a joiner is to keep up before members may send
// more.
const paceCalm = 8

// pace slows the members when a joiner is far behind: together they send a share of what it
// receives, so that the state comes as well; and half of that, a few times, if it falls
// further behind once what was under way has come. While it keeps up, they may send twice as
// much from time to time, and in the end as much as they like. So they may when every joiner
// is ready, and when the budget is used up.
func (g *Group) pace() {
	p := &g.pacing
	within := p.budget.spend(g.now, p.rate != 0)
	if !g.loads() {
		g.unpace("no joiner loads the state")
		return
	}
	donor := g.furthestBehind()
	behind, rate := donor.report.Feed, donor.report.FeedRate
	due := uint64(float64(rate) * g.state.Settings.Detection.Seconds())
	switch {
	case !within:
		g.unpace("they were slowed for long, and nobody has joined")
	case g.now < p.again:
	case behind >= min(max(due, leastBehind), mostBehind):
		g.slow(donor)
	case p.rate == 0 || g.now < p.raise:
	case 2*p.rate*uint64(len(g.committed().Members)) > rate:
		g.unpace("a joiner keeps up")
	default:
		g.setPace(2*p.rate, donor)
	}
}

// loads reports whether a joiner is not ready.
func (g *Group) loads() bool {
	return len(g.nodes) > len(g.committed().Members) &&
		slices.ContainsFunc(g.joiners(), func(n *node) bool { return !n.report.Ready })
}

// furthestBehind returns the member one of whose joiners is furthest behind, of those that
// know how much a joiner receives; without one, a node without a report.
func (g *Group) furthestBehind() *node {
	furthest := new(node)
	for _, m := range g.committed().Members {
		n := g.nodes[m.Incarnation]
		if n.report.FeedRate > 1 && n.report.Feed >= furthest.report.Feed { // earlier releases say 1 if they do not know
			furthest = n
		}
	}
	return furthest
}

// slow has members send less, or as little as before.
func (g *Group) slow(donor *node) {
	p := &g.pacing
	rate := p.rate
	switch {
	case rate == 0:
		rate = max(donor.report.FeedRate/paceShare/uint64(len(g.committed().Members)), leastPace)
		p.least = max(rate>>paceSteps, leastPace)
	case p.steady && donor.report.Feed > p.behind:
		rate = max(rate/2, p.least)
	}
	g.setPace(rate, donor)
}

// setPace sets the rate, or leaves it as it is, and when to look again.
func (g *Group) setPace(rate uint64, donor *node) {
	p, r, detection := &g.pacing, donor.report, g.state.Settings.Detection
	p.steady = rate == p.rate
	p.behind = r.Feed
	// What is under way still comes, for about as long as what waits now takes.
	p.again = g.now + max(time.Duration(min(r.Feed/r.FeedRate, longestLook))*time.Second, detection)
	p.raise = p.again + paceCalm*detection
	if p.steady {
		return
	}
	p.rate = rate
	g.changes++ // told, and forgotten by a restart, as ease is
	g.event(Event{Kind: EventPaced, Node: donor.member, Reason: fmt.Sprintf(
		"a joiner that it gives the state to is %d MiB behind, and receives %d KiB/s: each member sends at most %d KiB/s", r.Feed>>20, r.FeedRate>>10, rate>>10)})
}

// unpace lets members send as much as they like.
func (g *Group) unpace(why string) {
	if g.pacing.rate != 0 {
		g.changes++
		g.event(Event{Kind: EventUnpaced, Reason: why})
	}
	g.pacing = pacing{budget: g.pacing.budget}
}

// paceBudget bounds how long members are slowed for joiners that do not join: a joiner that
// reads slowly, because it is broken or means harm, must not slow the group for ever. It is
// not counted by id or incarnation, since a joiner can come with others.
type paceBudget struct {
	last  time.Duration // the last step
	spent time.Duration // members were slowed for so long; what it is less when they are not, see paceRest
	used  int           // how often the budget was used up
	rests bool          // it is used up, until all that was spent is forgotten
}

// The budget is firstPaceBudget, and twice as much whenever it is used up in vain, but no more
// than paceDoublings times: a joiner may need longer. Members are not slowed for paceRest times
// as long then: they are slowed for a fifth of the time at most.
const (
	firstPaceBudget = 10 * time.Minute
	paceDoublings   = 2
	paceRest        = 4
)

// spend lets time pass, in which members were slowed or not, and reports whether they may be
// now.
func (b *paceBudget) spend(now time.Duration, slowed bool) bool {
	passed := now - b.last
	b.last = now
	if slowed {
		b.spent += passed
	} else {
		b.spent = max(b.spent-passed/paceRest, 0)
	}
	if !b.rests && b.spent >= firstPaceBudget<<b.used {
		b.rests, b.used = true, min(b.used+1, paceDoublings)
	}
	b.rests = b.rests && b.spent > 0
	return !b.rests
}
