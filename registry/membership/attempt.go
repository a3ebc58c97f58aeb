package membership

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// propose starts an attempt at the plan. failed is the leader of an attempt
// that ran out of time, to be followed by the next in rank; 0: none.
func (g *Group) propose(next plan, failed uint64) {
	members := next.members()
	a := &Attempt{
		View: View{
			ID:           g.state.NextView,
			Prev:         next.base.ID,
			FeatureLevel: featureLevel(members),
			Members:      members,
		},
		Leader: g.chooseLeader(next, failed),
	}
	for _, m := range next.base.Members {
		g.nodes[m.Incarnation].exclusion = next.excluded[m.Incarnation]
	}
	if g.state.Attempt == nil {
		g.trials.begin(g.now)
	}
	g.state.NextView++
	g.state.Attempt = a
	g.allow(next.joiners)
	g.began = g.now
	g.spares, g.lookAgain = next.spares, g.now+g.state.Settings.AttemptTimeout
	g.deadline = g.now + g.period()
	g.lookAt(a)
	g.changed()
	leader := members[a.View.rank(a.Leader)]
	g.event(Event{Kind: EventAttempt, View: a.View, Leader: leader, Reason: describe(next)})
}

// chooseLeader returns the survivor to lead. A leader that did not fail leads
// on in an attempt that replaces its own; otherwise the most senior leads.
func (g *Group) chooseLeader(next plan, failed uint64) uint64 {
	if failed != 0 {
		start := next.base.rank(failed)
		for i := 1; i <= len(next.base.Members); i++ {
			m := next.base.Members[(start+i)%len(next.base.Members)]
			if slices.Contains(next.survivors, m) {
				return m.Incarnation
			}
		}
	}
	if a := g.state.Attempt; a != nil && slices.ContainsFunc(next.survivors, func(m Member) bool { return m.Incarnation == a.Leader }) {
		return a.Leader
	}
	if planted.On(planted.LeaderAmongJoiners) && len(next.joiners) > 0 {
		return next.joiners[0].Incarnation
	}
	return next.survivors[0].Incarnation
}

// watchAttempt replaces the attempt when it has lost a member or its time is
// up. It never just ends it: members have wedged, and only a commit frees them.
func (g *Group) watchAttempt() {
	a := g.state.Attempt
	survivors, joiners := g.parts(a)
	lost := len(g.suspects(survivors)) > 0 || !g.intact(a)
	late := g.now >= g.deadline
	if !lost && !late {
		g.improve(a)
		return
	}
	var failed uint64
	var anybody bool // is to blame
	if late {
		unheard := !lost && g.hearsNobody()
		slow := !lost && !unheard && g.advances(a)
		anybody = !unheard && !slow && g.blame(a, survivors, joiners)
		if !lost && !unheard && !anybody {
			g.grow()
			if !slow {
				g.vain++
			}
		}
		g.deadline = g.now + g.period()
		if slow {
			g.began, g.lookAgain = 0, g.now+g.state.Settings.AttemptTimeout
			g.event(Event{Kind: EventAttemptSlow, View: a.View, Reason: fmt.Sprintf("it makes progress, and has another %v", g.period())})
		}
		if unheard || slow {
			return
		}
		failed = a.Leader
	}
	next, ok := g.plan()
	if ok && (next.spares == sparesNobody || !next.is(a)) {
		g.blameGone(a, joiners)
		g.propose(next, failed)
	} else if late && g.hearsAll(a) && !planted.On(planted.AttemptStands) {
		silent := func(m Member) bool { return !g.nodes[m.Incarnation].wedgedFor(a.View.ID) }
		if anybody && !slices.ContainsFunc(survivors, silent) {
			g.grow() // whoever it is stays; one that does not answer needs no more time
		}
		g.again(a, failed)
	}
}

// again tries the same members once more, since the minimum size leaves no others. That is of
// use: a link that has died is made anew only for a later view.
func (g *Group) again(a *Attempt, failed uint64) {
	p := plan{base: g.committed(), spares: sparesAll, excluded: make(map[uint64]string)}
	p.survivors, p.joiners = g.parts(a)
	for _, m := range p.base.Members {
		if !a.View.Has(m.Incarnation) {
			p.excluded[m.Incarnation] = g.nodes[m.Incarnation].exclusion
		}
	}
	g.propose(p, failed)
	if g.paid {
		g.blamed = g.state.Attempt.View.ID
	}
	if !p.joinsOnly() {
		g.trials.failed = false // members would have to wait anyway
	}
}

// improve replaces an attempt that spares those who let others pass, and makes no progress, as
// soon as there is a plan that spares nobody: its own time may be long. It looks once in each
// AttemptTimeout. A plan with a joiner that this attempt has not begins with that time again.
func (g *Group) improve(a *Attempt) {
	if g.spares == sparesNobody || g.now < g.lookAgain {
		return
	}
	g.lookAgain = g.now + g.state.Settings.AttemptTimeout
	progress := g.progress(a, func(n *node) *uint64 { return &n.looked })
	next, ok := g.plan()
	if progress || !ok || next.spares != sparesNobody || next.is(a) {
		return
	}
	if slices.ContainsFunc(next.joiners, func(m Member) bool { return !a.View.Has(m.Incarnation) }) {
		g.periods = 0
	}
	g.propose(next, 0)
}

// hearsAll tells whether the registry hears all members of an attempt.
func (g *Group) hearsAll(a *Attempt) bool {
	return g.intact(a) && !slices.ContainsFunc(a.View.Members, func(m Member) bool {
		return g.provedDead(m.Incarnation) || g.silence(g.nodes[m.Incarnation]) >= g.state.Settings.Detection
	})
}

// grow gives attempts twice the time, until a view commits.
func (g *Group) grow() {
	if !planted.On(planted.AttemptNeverGrows) {
		g.periods++
	}
}

// fetchLevel is the feature level of views whose flushes go on from one attempt to the
// next, and whose members say how far they are.
const fetchLevel = 5

// patience is for how many attempts' times members are wedged at most for joiners that make
// progress.
const patience = 16

// longestPeriod bounds the time of an attempt.
const longestPeriod = time.Hour

// period is how long the attempt may take from now on. It doubles whenever the time of one is
// up and nobody is to blame, until a view commits: how much there is to send, and over what
// links, is known from the last attempt at most.
func (g *Group) period() time.Duration {
	period := g.state.Settings.AttemptTimeout
	for range g.periods {
		period = min(2*period, max(longestPeriod, g.state.Settings.AttemptTimeout))
	}
	return max(period, g.allowance)
}

// mostLearned is how many of the doublings of an attempt's time the next one has at most.
const mostLearned = 2

// learn has the next attempt begin with twice as much time as the one that is committed has
// taken, a few times that of the settings at most: where that is too short, it would be for
// each, and joiners would be blamed. One that went on since it made progress teaches nothing.
func (g *Group) learn() {
	g.periods = 0
	for g.began != 0 && g.periods < mostLearned && g.state.Settings.AttemptTimeout<<g.periods < 2*(g.now-g.began) && !planted.On(planted.AttemptNeverGrows) {
		g.periods++
	}
}

// advances tells whether an attempt whose time is up goes on, since it makes progress. Another
// attempt would not be faster.
func (g *Group) advances(a *Attempt) bool {
	return g.progress(a, func(n *node) *uint64 { return &n.fetched })
}

// progress tells whether all members of an attempt take part, and one that has not acknowledged
// the cut has received payloads since the last mark, which is set anew. For joiners alone,
// members wait for patience attempts' times.
func (g *Group) progress(a *Attempt, mark func(*node) *uint64) bool {
	base := g.committed()
	silent, more := false, false
	patient := g.now-g.trials.began < patience*g.state.Settings.AttemptTimeout
	for _, m := range a.View.Members {
		n := g.nodes[m.Incarnation]
		silent = silent || !n.wedgedFor(a.View.ID)
		more = more || n.report.Acked != a.View.ID && n.report.Fetched > *mark(n) && (patient || base.Has(m.Incarnation))
		*mark(n) = n.report.Fetched
	}
	return a.View.FeatureLevel >= fetchLevel && more && !silent
}

// lookAt notes what the members of an attempt have received when it begins.
func (g *Group) lookAt(a *Attempt) {
	for _, m := range a.View.Members {
		if n := g.nodes[m.Incarnation]; n != nil {
			n.fetched, n.looked = n.report.Fetched, n.report.Fetched
		}
	}
}

// intact tells whether no joiner of the attempt has gone. One that has gone was
// told that it is excluded, so the view is not to commit, even if the minimum
// size leaves nothing else to try for now. (A restarted registry does not know
// of it; should the view commit then, failure detection excludes the joiner.)
func (g *Group) intact(a *Attempt) bool {
	return !slices.ContainsFunc(a.View.Members, func(m Member) bool { return g.nodes[m.Incarnation] == nil })
}

// parts splits the members of an attempt.
func (g *Group) parts(a *Attempt) (survivors, joiners []Member) {
	base := g.committed()
	for _, m := range a.View.Members {
		if base.Has(m.Incarnation) {
			survivors = append(survivors, m)
		} else {
			joiners = append(joiners, m)
		}
	}
	return survivors, joiners
}

// blame marks who let an attempt run out of time, and reports whether anybody did: those
// that did not answer, or the joiners, if every member answered and it was still not
// installed. A member that is dead by now has not answered, whatever it had said before. A
// joiner is blamed for an attempt once, however often that is tried again since the minimum
// size leaves no other.
//
// A joiner that has not acknowledged the cut, although others have, has not answered
// either. If nobody has, it is not the joiners that are slow. A survivor that is behind has
// some attempts more, in which others lead.
func (g *Group) blame(a *Attempt, survivors, joiners []Member) (anybody bool) {
	dead := g.suspects(survivors)
	silent := func(m Member) bool {
		n := g.nodes[m.Incarnation]
		return n == nil || !n.wedgedFor(a.View.ID) || dead[m.Incarnation] != ""
	}
	allAnswered := !slices.ContainsFunc(a.View.Members, silent)
	behind := func(m Member) bool {
		return allAnswered && (a.View.FeatureLevel < fetchLevel || g.behind(a, m))
	}
	most := a.View.FeatureLevel >= fetchLevel && g.vain >= survivorAttempts && g.now-g.trials.began >= survivorTime &&
		2*g.countAcked(a, survivors) > len(survivors)
	for _, m := range survivors {
		if silent(m) || most && behind(m) {
			g.nodes[m.Incarnation].unanswered = a.View.ID
			anybody = true
		}
	}
	for _, m := range joiners {
		// One that is gone is blamed once another plan is there: its id may have come
		// back and be what the group waits for.
		if g.nodes[m.Incarnation] != nil && (behind(m) || silent(m)) && g.blamed != a.View.ID {
			g.penalise(m.ID)
			g.paid = true
			anybody = true
		}
	}
	g.blamed = a.View.ID
	g.event(Event{Kind: EventAttemptFailed, View: a.View, Reason: "its time was up"})
	return anybody
}

// So many attempts have failed that nobody was to blame for, and members have been wedged for
// so long, when a survivor that does not acknowledge the cut is to blame, though most of the
// others do.
const (
	survivorAttempts = 3
	survivorTime     = 30 * time.Second
)

// blameGone blames joiners that have gone during an attempt which another follows: members had
// wedged for them.
func (g *Group) blameGone(a *Attempt, joiners []Member) {
	for _, m := range joiners {
		if g.nodes[m.Incarnation] == nil && g.blamed != a.View.ID {
			g.penalise(m.ID)
		}
	}
}

// acked tells whether a node has acknowledged the cut of an attempt.
func (g *Group) acked(a *Attempt, m Member) bool {
	return g.nodes[m.Incarnation] != nil && g.nodes[m.Incarnation].report.Acked == a.View.ID
}

func (g *Group) countAcked(a *Attempt, members []Member) (n int) {
	for _, m := range members {
		if g.acked(a, m) {
			n++
		}
	}
	return n
}

// behind tells whether a node has not acknowledged the cut, although others have.
func (g *Group) behind(a *Attempt, m Member) bool {
	return !g.acked(a, m) && g.countAcked(a, a.View.Members) > 0
}

// commit makes an attempt's view, or a first view, the committed one.
func (g *Group) commit(view View) {
	old := g.committed()
	g.state.Views = []View{view}
	g.state.Attempt = nil
	g.state.ProvedDead = slices.DeleteFunc(slices.Clone(g.state.ProvedDead), func(dead uint64) bool { return !view.Has(dead) })
	g.state.MinReached = g.state.MinReached || len(view.Members) >= g.state.Settings.MinMembers
	g.gathering = false
	g.vain, g.paid = 0, false
	g.learn()
	g.trials.end(g.now, g.state.Settings.AttemptTimeout)
	g.ease(false)
	if planted.On(planted.RestartForgets) {
		g.changes++ // told, and not saved
	} else {
		g.changed()
	}
	g.event(Event{Kind: EventCommit, View: view})
	for _, m := range old.Members {
		if !view.Has(m.Incarnation) {
			g.depart(m, cmp.Or(g.nodes[m.Incarnation].exclusion, "the view was changed without it"))
		}
	}
	g.dropOutdated()
	for _, m := range view.Members {
		n := g.nodes[m.Incarnation]
		n.unanswered, n.exclusion = 0, ""
		if !old.Has(m.Incarnation) {
			n.joined = g.now
			g.pacing.budget = paceBudget{last: g.now} // it was not spent in vain
		}
		delete(g.penalties, m.ID)
		if n.leaving && !n.forced && len(view.Members) == 1 {
			n.leaving = false
			g.event(Event{Kind: EventLeaveRefused, Node: m, Reason: "it is the last member now"})
		}
	}
}
