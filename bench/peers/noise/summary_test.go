package noise

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// quietLog is that of a run beside which nothing ran.
func quietLog() *Log {
	return &Log{
		Processors: 2, LoadAverage: 0.12, Before: Use{Seconds: 3, Others: 0.004, Unseen: 0.001},
		Points: slices.Repeat([]Use{{Seconds: 4, Others: 0.01, Unseen: 0.03, Stolen: 0.001}}, 40),
		Spins: []Spin{
			{Lost: 0.001, Longest: 200 * time.Microsecond, Speed: 10},
			{Lost: 0.5, Longest: 3 * time.Millisecond, Speed: 9},
			{Lost: 0.002, Speed: 9.5},
		},
	}
}

func TestQuiet(t *testing.T) {
	s := quietLog().Summary()
	if s.Noisy() {
		t.Errorf("%v", s.Reasons)
	}
	const want = "Quiet machine. Other processes had 0.4% of 2 processors before the run and 1.0% during it (limit 5%), " +
		"1.0% in the worst point; 0.1% and 3.0% are not accounted for by processes (limit 5% and 20%), the hypervisor took 0.0% and 0.1% (limit 2%); 0 of 40 points were disturbed; " +
		"idle processors lost 0.2% (limit 5%), 3ms at most at a time, and ran at 90% of their best speed or more (limit 85%); " +
		"load average at the start 0.12."
	if got := s.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestNoisy: each limit by itself makes a run noisy, and at the limit it is not.
func TestNoisy(t *testing.T) {
	for reason, change := range map[string]func(*Log, float64){
		"before the run":        func(l *Log, over float64) { l.Before.Others = MaxOthers - 0.001 + over },
		"ran before the run":    func(l *Log, over float64) { l.Before.Stolen = MaxStolen + over },
		"beside":                func(l *Log, over float64) { setAll(l, Use{Seconds: 4, Others: MaxOthers - 0.0005 + over}) },
		"beside what":           func(l *Log, over float64) { setAll(l, Use{Seconds: 4, Stolen: MaxStolen - 0.0005 + over}) },
		"run began":             func(l *Log, over float64) { l.Before.Unseen = MaxOthers - 0.0041 + over },
		"something ran beside":  func(l *Log, over float64) { setAll(l, Use{Seconds: 4, Unseen: MaxUnseen - 0.0005 + over}) },
		"idle processors lost":  func(l *Log, over float64) { setLost(l, MaxLost+over) },
		"speed changed":         func(l *Log, over float64) { l.Spins[2].Speed = 10 * (MinSpeed - over) },
		"points were disturbed": func(l *Log, over float64) { disturb(l, 2+int(over*1000)) },
		"nothing was measured":  func(l *Log, over float64) { l.Points = l.Points[:1-int(over*1000)] },
		"of the points were dis": func(l *Log, over float64) {
			l.Points[0].Others, l.Points[1].Stolen = 1, 1
			disturb(l, 2+int(over*1000))
		},
	} {
		l := quietLog()
		change(l, 0)
		if s := l.Summary(); s.Noisy() {
			t.Errorf("%s: noisy at the limit: %v", reason, s.Reasons)
		}
		l = quietLog()
		change(l, 0.001)
		s := l.Summary()
		if !s.Noisy() || !strings.Contains(s.String(), reason) || !strings.HasPrefix(s.String(), "NOISY machine, do not trust these figures: ") {
			t.Errorf("%s: %s", reason, s.String())
		}
	}
}

func setAll(l *Log, u Use) {
	for i := range l.Points {
		l.Points[i] = u
	}
}

func setLost(l *Log, f float64) {
	for i := range l.Spins {
		l.Spins[i].Lost = f
	}
}

// disturb has something run beside the first n points, for as long that all points
// together are not above the limit.
func disturb(l *Log, n int) {
	for i := range n {
		l.Points[i] = Use{Seconds: 4, Others: 0.06}
	}
}
