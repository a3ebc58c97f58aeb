package membership

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// penalty is how long a node that failed to join stays away from attempts.
type penalty struct {
	failures int
	until    time.Duration
}

// penalise makes an id wait, twice as long with every failure in a row. It is
// counted by id, since a node that fails often registers anew each time.
func (g *Group) penalise(id string) {
	g.trials.failed = true
	if len(g.penalties) >= maxPenalties {
		for other, p := range g.penalties {
			if p.until <= g.now {
				delete(g.penalties, other)
			}
		}
	}
	p := g.penalties[id]
	if p.failures == 0 && len(g.penalties) >= maxPenalties {
		return
	}
	p.failures = min(p.failures+1, maxJoinFailures)
	p.until = g.now + p.pause(&g.state.Settings)
	g.penalties[id] = p
}

// pause is how long a node has to wait after its failures, 0 if there were none.
func (p penalty) pause(settings *Settings) time.Duration {
	if p.failures == 0 {
		return 0
	}
	return min(settings.Heartbeat<<p.failures, maxJoinPause)
}

// allow gives an attempt more time whose joiners were blamed for earlier ones, since they may
// not have been the reason that those failed: an eighth of what they had to wait.
func (g *Group) allow(joiners []Member) {
	g.allowance = 0
	if planted.On(planted.AttemptNeverGrows) {
		return
	}
	for _, m := range joiners {
		g.allowance = max(g.allowance, g.penalties[m.ID].pause(&g.state.Settings)/8)
	}
}

// mayTry tells whether a joiner may be tried, as far as the failures of joiners go and the
// members do not need it. Before fetchLevel joiners are blamed for whatever fails, so all may.
//
// While members are wedged, none is added that has failed before, and none at all once one has
// failed: there is always one whose pause has just ended, or a new one, and the members would
// wait for each. One that is in the attempt under way and not behind remains. Nor are joiners
// tried while members have been wedged for long in vain, unless they have waited for long.
func (g *Group) mayTry(n *node) bool {
	p := g.penalties[n.member.ID]
	if g.committed().FeatureLevel < fetchLevel {
		return true
	}
	if a := g.state.Attempt; a != nil && (g.trials.failed || p.failures > 0) {
		return a.View.Has(n.member.Incarnation) && !g.behind(a, n.member)
	}
	slack := g.state.Settings.AttemptTimeout * newSlack
	if p.failures > 0 {
		slack = g.state.Settings.AttemptTimeout * trialSlack
	}
	if g.now-max(p.until, n.registered) >= longestTrialPause {
		return true
	}
	return g.trials.left(g.now) <= slack
}

// trials counts for how long the members were wedged in view changes for which a joiner was
// blamed. However many joiners there are that never answer, they hold up the group for a fifth
// of the time in the end.
type trials struct {
	began  time.Duration // the change under way
	failed bool          // a joiner was blamed for it
	spent  time.Duration // for so long members were wedged in vain; what it is less since, see left
	at     time.Duration // when that was so
}

// Once so many attempts' times were spent, joiners that have failed wait until less is left:
// trialRest times as long as was spent beyond that. New ones wait when more was spent. None
// waits for longer than longestTrialPause after it has registered, and its own pause.
const (
	trialSlack        = 4
	newSlack          = 16
	trialRest         = 4
	longestTrialPause = 150 * time.Second
	mostTrials        = 75 * time.Second // beyond newSlack
)

// begin takes that members are wedged, end that they are no more.
func (t *trials) begin(now time.Duration) { t.began, t.failed = now, false }

func (t *trials) end(now, attempt time.Duration) {
	if t.failed {
		t.spent, t.at = min(t.left(t.began)+now-t.began, newSlack*attempt+mostTrials), now
	}
}

// left returns what is left of the time that was spent: it is forgotten while the group goes on.
func (t *trials) left(now time.Duration) time.Duration { return max(t.spent-(now-t.at)/trialRest, 0) }
