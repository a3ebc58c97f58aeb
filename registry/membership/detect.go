package membership

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// suspects returns which of the members, all of the committed view, the group
// must go on without, and why. The caller keeps to the rules of size.
func (g *Group) suspects(members []Member) map[uint64]string {
	out := make(map[uint64]string)
	for _, m := range members {
		if g.provedDead(m.Incarnation) {
			out[m.Incarnation] = "it is proved dead"
		}
	}
	if g.now-g.since < g.state.Settings.Detection || g.hearsNobody() {
		return out
	}
	heard := g.heardTimes(g.since)
	for _, m := range members {
		silent := g.now - heard[m.Incarnation]
		if _, ok := out[m.Incarnation]; !ok && silent >= g.state.Settings.Detection {
			out[m.Incarnation] = fmt.Sprintf("neither the registry nor any member has heard from it for %v", silent.Round(time.Millisecond))
		}
	}
	g.suspectCutLinks(members, out)
	return out
}

func (g *Group) provedDead(incarnation uint64) bool {
	return slices.Contains(g.state.ProvedDead, incarnation)
}

// hearsNobody tells whether the registry has heard no member for the
// detection time. Then it is more likely that the registry is cut off.
func (g *Group) hearsNobody() bool {
	return !slices.ContainsFunc(g.committed().Members, func(m Member) bool {
		return !g.provedDead(m.Incarnation) && g.silence(g.nodes[m.Incarnation]) < g.state.Settings.Detection
	})
}

// heardTimes returns when each member was last heard, if not before least, by the registry or by
// another member that told so.
func (g *Group) heardTimes(least time.Duration) map[uint64]time.Duration {
	view := g.committed()
	heard := make(map[uint64]time.Duration, len(view.Members))
	for _, m := range view.Members {
		heard[m.Incarnation] = max(g.nodes[m.Incarnation].heard, least)
	}
	for _, m := range view.Members {
		n := g.nodes[m.Incarnation]
		for _, p := range n.report.Peers {
			if at, ok := heard[p.Incarnation]; ok && p.Incarnation != m.Incarnation {
				heard[p.Incarnation] = max(at, n.reportAt-p.Silent)
			}
		}
	}
	return heard
}

// link is an unordered pair of ranks, the senior first.
type link struct{ senior, junior int }

// suspectCutLinks adds to out, until no link between the others is cut, the
// member with the most cut links, those that are about to count among them: a deaf
// member's links are cut together, but reach the detection time one by one. Between
// equals it is one that the registry itself does not hear, then the junior one.
func (g *Group) suspectCutLinks(members []Member, out map[uint64]string) {
	detection, heartbeat := g.state.Settings.Detection, g.state.Settings.Heartbeat
	links := g.cutLinks(members, out, detection)
	if len(links) == 0 {
		return
	}
	soon := g.cutLinks(members, out, detection-2*heartbeat)
	for len(links) > 0 {
		victim := g.mostCut(members, links, soon)
		out[members[victim].Incarnation] = fmt.Sprintf("links to other members cut: %d", countCuts(members, links)[victim])
		for _, list := range []map[link]struct{}{links, soon} {
			maps.DeleteFunc(list, func(l link, _ struct{}) bool { return l.senior == victim || l.junior == victim })
		}
	}
}

// mostCut returns the rank of the end of a cut link that is to go.
func (g *Group) mostCut(members []Member, links, soon map[link]struct{}) int {
	cuts, all := countCuts(members, links), countCuts(members, soon)
	victim := -1
	for rank := range members {
		if cuts[rank] == 0 {
			continue
		}
		if victim < 0 {
			victim = rank
			continue
		}
		more := all[rank] - all[victim]
		if more > 0 || more == 0 && (g.unheard(members[rank]) || !g.unheard(members[victim])) {
			victim = rank
		}
	}
	return victim
}

// countCuts returns, by rank, of how many links a member is an end.
func countCuts(members []Member, links map[link]struct{}) []int {
	cuts := make([]int, len(members))
	for l := range links {
		if !planted.On(planted.ReportsOneWay) {
			cuts[l.senior]++
		}
		cuts[l.junior]++
	}
	return cuts
}

func (g *Group) unheard(m Member) bool {
	return g.silence(g.nodes[m.Incarnation]) >= g.state.Settings.Detection
}

// cutLinks returns the links between members that are not in out, of which
// either end has reported silence for so long.
func (g *Group) cutLinks(members []Member, out map[uint64]string, silence time.Duration) map[link]struct{} {
	rank := make(map[uint64]int, len(members))
	for i, m := range members {
		if _, gone := out[m.Incarnation]; !gone && !g.inDoubt(g.nodes[m.Incarnation]) {
			rank[m.Incarnation] = i
		}
	}
	links := make(map[link]struct{})
	for _, m := range members {
		mine, ok := rank[m.Incarnation]
		if !ok {
			continue
		}
		// A report counts as it was sent. To add the time since would turn a
		// short silence into a long one whenever a heartbeat is late, and cut a
		// link that is back but not reported yet.
		for _, p := range g.nodes[m.Incarnation].report.Peers {
			theirs, ok := rank[p.Incarnation]
			if ok && theirs != mine && g.linkSilence(m, p) >= silence && !g.owesNothing(p.Incarnation, m.Incarnation) {
				l := link{min(mine, theirs), max(mine, theirs)}
				if planted.On(planted.ReportsOneWay) {
					l = link{mine, theirs} // of which the second is counted
				}
				links[l] = struct{}{}
			}
		}
	}
	return links
}

// linkSilence returns for how long a member has not heard another. Nobody has asked two that
// joined with the same view for a link before that, so the time before does not count: one
// that was deaf for a while as a joiner, and hears again, may be linked with all others
// already and with this one not yet. Each of the two would be an end of one cut link.
func (g *Group) linkSilence(m Member, p Peer) time.Duration {
	n, other := g.nodes[m.Incarnation], g.nodes[p.Incarnation]
	if n.joined > 0 && n.joined == other.joined {
		return min(p.Silent, n.reportAt-n.joined)
	}
	return p.Silent
}

// owesNothing tells whether a member is wedged for the attempt under way, which
// the other is not in: the one answers nothing more in their view, and the other,
// who does not hear of the attempt, takes that for silence.
func (g *Group) owesNothing(wedged, other uint64) bool {
	a := g.state.Attempt
	return a != nil && a.View.Has(wedged) && !a.View.Has(other) && g.nodes[wedged].wedgedFor(a.View.ID)
}

// inDoubt tells whether a node has missed heartbeats, but not yet for the
// detection time. A member that crashed is for a moment just one end of a cut
// link; judging the link then could cost the healthy end its place.
func (g *Group) inDoubt(n *node) bool {
	silence := g.silence(n)
	return silence > 2*g.state.Settings.Heartbeat && silence < g.state.Settings.Detection
}
