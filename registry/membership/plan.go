package membership

import (
	"slices"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// plan is the next view as it should be.
type plan struct {
	base      View
	survivors []Member
	joiners   []Member
	spares    sparing
	excluded  map[uint64]string // members of base that are left out, and why
}

func (p plan) members() []Member { return slices.Concat(p.survivors, p.joiners) }

// differs tells whether the plan changes anything.
func (p plan) differs() bool { return len(p.joiners) > 0 || len(p.survivors) < len(p.base.Members) }

// is tells whether the plan has the members of an attempt.
func (p plan) is(a *Attempt) bool {
	return len(p.survivors)+len(p.joiners) == len(a.View.Members) &&
		!slices.ContainsFunc(p.members(), func(m Member) bool { return !a.View.Has(m.Incarnation) })
}

// joinsOnly tells whether nothing but joiners wait for the plan.
func (p plan) joinsOnly() bool { return len(p.survivors) == len(p.base.Members) }

// sparing says whom a plan spares that let an attempt pass, since too few would be left
// without them.
type sparing int

const (
	sparesNobody  sparing = iota
	sparesJoiners         // that may not be tried
	sparesAll             // members, too
)

// plan computes the next view afresh from the committed view and who is alive
// now. It is false if no view is allowed: nobody survives, or fewer than the
// minimum.
func (g *Group) plan() (plan, bool) {
	base := g.committed()
	members := base.Members
	if planted.On(planted.AttemptFromFailed) && g.state.Attempt != nil {
		members, _ = g.parts(g.state.Attempt)
	}
	dead := g.suspects(base.Members)
	// Those that let an attempt pass are left out, unless that leaves too few.
	for _, spares := range []sparing{sparesNobody, sparesJoiners, sparesAll} {
		p := plan{base: base, survivors: make([]Member, 0, len(members)), spares: spares, excluded: make(map[uint64]string)}
		forced := 0
		for _, m := range members {
			reason, out := dead[m.Incarnation]
			if !out && spares < sparesAll && g.nodes[m.Incarnation].unanswered != 0 {
				reason, out = "it did not answer the attempt before in time", true
			}
			if out {
				p.excluded[m.Incarnation] = reason
				if g.nodes[m.Incarnation].forced {
					forced++
				}
			} else {
				p.survivors = append(p.survivors, m)
			}
		}
		p.joiners = g.joinable(p.survivors, p.spares)
		if len(p.survivors) > 0 && g.sizeAllowed(len(p.survivors)+len(p.joiners)+forced) {
			g.dropLeavers(&p)
			return p, true
		}
	}
	return plan{}, false
}

// sizeAllowed holds the minimum size once it was reached. Members that leave by force, or
// did so and died, count as if they stayed. A group that is below it already, through such
// members, may stay as it is.
func (g *Group) sizeAllowed(size int) bool {
	return !g.state.MinReached || size >= min(g.state.Settings.MinMembers, len(g.committed().Members))
}

// dropLeavers takes those that want to leave out of the plan, as far as a
// survivor and the minimum size remain.
func (g *Group) dropLeavers(p *plan) {
	leaving := func(m Member) bool { return g.nodes[m.Incarnation].leaving }
	if !slices.ContainsFunc(p.survivors, leaving) {
		return
	}
	for _, m := range slices.Clone(p.survivors) {
		n := g.nodes[m.Incarnation]
		if !n.leaving || len(p.survivors) == 1 {
			continue
		}
		survivors := slices.DeleteFunc(slices.Clone(p.survivors), func(s Member) bool { return s == m })
		// Computed anew, since a joiner that observed the leaver may not count.
		joiners := g.joinable(survivors, p.spares)
		if !n.forced && !g.leaveAllowed(len(survivors)+len(joiners)) {
			continue
		}
		p.survivors, p.joiners = survivors, joiners
		p.excluded[m.Incarnation] = reasonLeft
	}
}

// joinable returns the joiners that can be added to the survivors: ready,
// linked to every one of them and to one another, and not backing off; only those that
// may be tried, unless they are spared.
func (g *Group) joinable(survivors []Member, spares sparing) []Member {
	var out []Member
	for _, n := range g.joiners() {
		if spares == sparesNobody && !g.mayTry(n) {
			continue
		}
		if g.obstacle(n, survivors) == "" && g.linkedToAll(n, out) {
			out = append(out, n.member)
		}
	}
	return out
}

// obstacle says, for people, what keeps a joiner from being added to the
// survivors; "" if nothing does.
func (g *Group) obstacle(n *node, survivors []Member) string {
	for _, m := range survivors {
		if m.ID == n.member.ID {
			return "waits for the end of its predecessor " + m.String() + ", which is silent but not proved dead"
		}
	}
	if pause := g.penalties[n.member.ID].until - g.now; pause > 0 {
		return "backs off after joining has failed"
	}
	if !n.report.Ready {
		return "loads the state"
	}
	for _, m := range survivors {
		if !g.linked(n, m.Incarnation) {
			return "waits for a link to " + m.String()
		}
	}
	observes := func(m Member) bool { return m.Incarnation == n.report.Observed }
	if g.state.Settings.Delivery == Agreed && !slices.ContainsFunc(survivors, observes) {
		return "waits for the state of a member that will be in the next view"
	}
	return ""
}

// linkedToAll tells whether a joiner and every joiner before it have a link,
// whichever of the two has reported it.
func (g *Group) linkedToAll(n *node, others []Member) bool {
	return !slices.ContainsFunc(others, func(m Member) bool {
		return !g.linked(n, m.Incarnation) && !g.linked(g.nodes[m.Incarnation], n.member.Incarnation)
	})
}

func (g *Group) linked(n *node, to uint64) bool {
	return slices.ContainsFunc(n.report.Peers, func(p Peer) bool {
		return p.Incarnation == to && p.Silent < g.state.Settings.Detection
	})
}

// planned tells whether the plan leaves nobody out but members that want to leave.
func (p plan) planned() bool {
	for _, reason := range p.excluded {
		if reason != reasonLeft {
			return false
		}
	}
	return true
}

// putOff puts off a planned change while members have so much under way that a flush would
// take long: all writes would wait for it. They are told to ease, and go on with one
// message each. It waits for that for some periods only, and never if a member is lost.
func (g *Group) putOff(next plan) bool {
	patience := g.state.Settings.AttemptTimeout
	long := func(m Member) bool {
		r := g.nodes[m.Incarnation].report
		return r.Lag > patience/4 && !r.Eased
	}
	if !next.planned() || next.base.FeatureLevel < fetchLevel || !slices.ContainsFunc(next.base.Members, long) {
		return false
	}
	if !g.easing {
		g.ease(true)
		g.easeUntil = g.now + easePeriods*patience
		g.event(Event{Kind: EventPutOff, View: next.base, Reason: "members have much under way on slow links: " + describe(next)})
	}
	return g.now < g.easeUntil
}

// easePeriods is for how many attempts' times a planned change is put off at most.
const easePeriods = 16

// ease notes whether members are to have less under way.
func (g *Group) ease(on bool) {
	if g.easing != on {
		g.easing = on
		g.changes++ // told, and forgotten by a restart: the members report again
	}
}

// gather waits for joiners that are on their way, so that changes which are
// due together are made together, but for one heartbeat interval only.
func (g *Group) gather(next plan) bool {
	company := slices.ContainsFunc(g.joiners(), func(n *node) bool {
		added := slices.ContainsFunc(next.joiners, func(m Member) bool { return m.Incarnation == n.member.Incarnation })
		return !added && g.penalties[n.member.ID].until <= g.now
	})
	if !company {
		return false
	}
	if !g.gathering {
		g.gathering, g.gatherUntil = true, g.now+g.state.Settings.Heartbeat
	}
	return g.now < g.gatherUntil
}
