package noise

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// From these on a machine is noisy.
const (
	// MaxOthers is what other processes may have of all processors' time. Before a
	// run what cannot be seen is counted with them.
	MaxOthers = 0.05
	// MaxUnseen is what may be used beside what is measured and not be accounted for
	// by any process. It is large since what the kernel does between processes is a
	// part of it.
	MaxUnseen = 0.20
	// MaxStolen is what the hypervisor may take.
	MaxStolen = 0.02
	// MaxLost is what processors that spin may lose.
	MaxLost = 0.05
	// MinSpeed is how fast processors that spin must be, beside their best.
	MinSpeed = 0.85
	// MaxDisturbed is how many of the points may be noisy.
	MaxDisturbed = 0.05
)

// Noisy reports whether something else had a part of the processors that matters.
func (u Use) Noisy() bool {
	return u.Others > MaxOthers || u.Unseen > MaxUnseen || u.Stolen > MaxStolen
}

// NoisyIdle is Noisy for a while in which nothing was measured, so that the kernel
// has little to do.
func (u Use) NoisyIdle() bool { return u.Others+u.Unseen > MaxOthers || u.Stolen > MaxStolen }

// String shows the parts.
func (u Use) String() string {
	return fmt.Sprintf("other processes had %s of the processors, what cannot be seen %s, the hypervisor %s",
		percent(u.Others), percent(u.Unseen), percent(u.Stolen))
}

// Log is what was found out about the machine in a run. The zero value is one of
// a run that has not begun.
type Log struct {
	Processors  int
	LoadAverage float64 // when the run began
	Before      Use     // with nothing of the comparison running
	Points      []Use   // during each point
	Spins       []Spin  // before, and between systems
}

// Summary is a verdict and its reasons.
type Summary struct {
	Processors  int           `json:"processors"`
	LoadAverage float64       `json:"load_average"`
	Before      Use           `json:"before"`
	During      Use           `json:"during"`
	Worst       Use           `json:"worst_point"`
	Points      int           `json:"points"`
	Disturbed   int           `json:"disturbed_points"`
	Lost        float64       `json:"spin_lost"` // the median, of those of Spins
	Longest     time.Duration `json:"longest_gap_ns"`
	Speed       float64       `json:"slowest_to_fastest"` // 0: there were no spins
	Reasons     []string      `json:"reasons,omitempty"`  // why it was noisy
}

// Summary judges.
func (l *Log) Summary() Summary {
	s := Summary{Processors: l.Processors, LoadAverage: l.LoadAverage, Before: l.Before, Points: len(l.Points)}
	for _, u := range l.Points {
		s.During, s.Worst = s.During.add(u), s.Worst.worse(u)
		if u.Noisy() {
			s.Disturbed++
		}
	}
	if n := len(l.Spins); n > 0 {
		lost := make([]float64, n)
		slowest, fastest := l.Spins[0].Speed, l.Spins[0].Speed
		for i, spin := range l.Spins {
			lost[i] = spin.Lost
			s.Longest = max(s.Longest, spin.Longest)
			slowest, fastest = min(slowest, spin.Speed), max(fastest, spin.Speed)
		}
		slices.Sort(lost)
		s.Lost = lost[n/2]
		if fastest > 0 {
			s.Speed = slowest / fastest
		}
	}
	s.judge()
	return s
}

// judge fills in the reasons.
func (s *Summary) judge() {
	check := func(noisy bool, format string, args ...any) {
		if noisy {
			s.Reasons = append(s.Reasons, fmt.Sprintf(format, args...))
		}
	}
	check(s.Points == 0, "nothing was measured")
	check(s.Before.NoisyIdle(), "something ran before the run began")
	check(s.During.Noisy(), "something ran beside what was measured")
	check(float64(s.Disturbed) > MaxDisturbed*float64(s.Points), "more than %.0f%% of the points were disturbed", 100*MaxDisturbed)
	check(s.Lost > MaxLost, "idle processors lost time")
	check(s.Speed > 0 && s.Speed < MinSpeed, "the processors' speed changed")
}

// Noisy reports whether the figures of the run are not to be trusted.
func (s *Summary) Noisy() bool { return len(s.Reasons) > 0 }

// String is the verdict in a line.
func (s *Summary) String() string {
	var b strings.Builder
	if s.Noisy() {
		fmt.Fprintf(&b, "NOISY machine, do not trust these figures: %s. ", strings.Join(s.Reasons, "; "))
	} else {
		b.WriteString("Quiet machine. ")
	}
	fmt.Fprintf(&b, "Other processes had %s of %d processors before the run and %s during it (limit %.0f%%), %s in the worst point; ",
		percent(s.Before.Others), s.Processors, percent(s.During.Others), 100*MaxOthers, percent(s.Worst.Others))
	fmt.Fprintf(&b, "%s and %s are not accounted for by processes (limit %.0f%% and %.0f%%), the hypervisor took %s and %s (limit %.0f%%); ",
		percent(s.Before.Unseen), percent(s.During.Unseen), 100*MaxOthers, 100*MaxUnseen,
		percent(s.Before.Stolen), percent(s.During.Stolen), 100*MaxStolen)
	fmt.Fprintf(&b, "%d of %d points were disturbed; ", s.Disturbed, s.Points)
	fmt.Fprintf(&b, "idle processors lost %s (limit %.0f%%), %v at most at a time, and ran at %.0f%% of their best speed or more (limit %.0f%%); ",
		percent(s.Lost), 100*MaxLost, s.Longest.Round(10*time.Microsecond), 100*s.Speed, 100*MinSpeed)
	fmt.Fprintf(&b, "load average at the start %.2f.", s.LoadAverage)
	return b.String()
}

// percent shows a fraction.
func percent(f float64) string { return fmt.Sprintf("%.1f%%", 100*f) }
