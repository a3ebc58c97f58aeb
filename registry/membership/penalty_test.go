package membership

import (
	"testing"
	"time"
)

// TestTrials holds how long joiners wait while members have been wedged for long in vain: those
// that have failed, new ones, and at most.
func TestTrials(t *testing.T) {
	const attempt = 2 * time.Second
	wedged := func(took time.Duration) *Group {
		g := New(NewState(1, 0, Settings{AttemptTimeout: attempt}.Over(DefaultSettings())), 0)
		g.state.Views = []View{{ID: 1, FeatureLevel: fetchLevel}}
		g.now = time.Minute
		g.trials.begin(g.now)
		g.penalise("old")
		g.now += took
		g.trials.end(g.now, attempt)
		return g
	}
	waits := func(g *Group, id string) time.Duration {
		since := g.now
		n := &node{member: Member{ID: id}}
		if id == "young" {
			n.registered = since
		}
		for !g.mayTry(n) {
			g.now += 100 * time.Millisecond
		}
		waited := g.now - since
		g.now = since
		return waited
	}
	for _, test := range []struct{ took, old, young time.Duration }{
		{8 * time.Second, 0, 0},
		{10 * time.Second, 8 * time.Second, 0},
		{32 * time.Second, 96 * time.Second, 0},
		{34 * time.Second, 104 * time.Second, 8 * time.Second},
		{80 * time.Second, longestTrialPause - 80*time.Second + 500*time.Millisecond, longestTrialPause},
		{time.Hour, 0, longestTrialPause}, // its own pause has ended for long
	} {
		g := wedged(test.took)
		if old, young := waits(g, "old"), waits(g, "young"); old != test.old || young != test.young {
			t.Errorf("after %v in vain one that has failed waits %v, another %v; want %v and %v", test.took, old, young, test.old, test.young)
		}
		if g.trials.begin(g.now); g.trials.failed {
			t.Error("a new change has a joiner that failed")
		}
		g.trials.end(g.now, attempt)
		if g.trials.left(g.now) != min(test.took, newSlack*attempt+mostTrials) {
			t.Errorf("a change that nobody let fail costs: %v", g.trials.left(g.now))
		}
		g.state.Views[0].FeatureLevel = fetchLevel - 1
		if waits(g, "old") != 0 || waits(g, "young") != 0 {
			t.Error("joiners wait at a feature level where each is blamed for what others do")
		}
	}
}

// TestTrialsOfMany holds that the ids which are remembered do not bound what is counted.
func TestTrialsOfMany(t *testing.T) {
	g := New(NewState(1, 0, DefaultSettings()), 0)
	for i := range maxPenalties {
		g.penalties[string(rune('a'+i))] = penalty{failures: 1, until: time.Hour}
	}
	if g.penalise("one more"); len(g.penalties) != maxPenalties || !g.trials.failed {
		t.Errorf("%d penalties; counted: %v", len(g.penalties), g.trials.failed)
	}
}
