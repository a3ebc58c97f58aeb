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
	g.trials.failed = true
}

// pause is how long a node has to wait after its failures, 0 if there were none.
func (p penalty) pause(settings *Settings) time.Duration {
	if p.failures == 0 {
		return 0
	}
	return min(settings.Heartbeat<<p.failures, maxJoinPause)
}

// allow gives an attempt more time whose joiners were blamed for earlier ones, since they may
// not have been the reason that those failed: a quarter of what they had to wait.
func (g *Group) allow(joiners []Member) {
	g.allowance = 0
	if planted.On(planted.AttemptNeverGrows) {
		return
	}
	for _, m := range joiners {
		g.allowance = max(g.allowance, g.penalties[m.ID].pause(&g.state.Settings)/4)
	}
}

// mayTry tells whether a joiner may be tried, as far as its failures go and the members do not
// need it. While they are wedged, those that have failed before are not added: there is always
// one whose pause has just ended, and the members would wait for each. Nor are they tried
// while members have been wedged for long for such joiners.
func (g *Group) mayTry(n *node) bool {
	if g.penalties[n.member.ID].failures == 0 {
		return true
	}
	if a := g.state.Attempt; a != nil {
		return a.View.Has(n.member.Incarnation)
	}
	return g.trials.left(g.now) <= trialSlack*g.state.Settings.AttemptTimeout
}

// trials counts for how long the members were wedged in view changes for which a joiner was
// blamed. However many joiners there are that never answer, they hold up the group for a fifth
// of the time at most.
type trials struct {
	began  time.Duration // the change under way
	failed bool          // a joiner was blamed for it
	spent  time.Duration // for so long members were wedged in vain; what it is less since, see left
	at     time.Duration // when that was so
}

// After so many attempts' times joiners that have failed wait, for trialRest times as long as
// was spent beyond that, and mostTrials at most.
const (
	trialSlack = 4
	trialRest  = 4
	mostTrials = 5 * time.Minute
)

// begin takes that members are wedged, end that they are no more.
func (t *trials) begin(now time.Duration) { t.began, t.failed = now, false }

func (t *trials) end(now time.Duration) {
	if t.failed {
		t.spent, t.at = min(t.left(t.began)+now-t.began, mostTrials/trialRest), now
	}
}

// left returns what is left of the time that was spent: it is forgotten while the group goes on.
func (t *trials) left(now time.Duration) time.Duration { return max(t.spent-(now-t.at)/trialRest, 0) }
