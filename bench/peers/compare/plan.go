package compare

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// turn is a system, and the rows that it is measured in.
type turn struct {
	spec systems.Spec
	rows []Row
}

// pointName is a row on a system.
func pointName(row, system string) string { return row + "/" + system }

// measures reports whether a row, or an aim, is about a system.
func (r *Row) measures(system string, aims []Aim) bool {
	return r.Ours == system || slices.Contains(r.Beside, system) || slices.ContainsFunc(aims, func(a Aim) bool {
		return a.where() == r.Name && slices.Contains(a.Against, system)
	})
}

// plan has the turns of a round, with the points whose name matches.
func (c *Config) plan() []turn {
	var turns []turn
	for _, spec := range systems.All() {
		t := turn{spec: spec}
		for _, r := range Rows() {
			if r.measures(spec.Name, c.Aims) && c.matches(pointName(r.Name, spec.Name)) {
				t.rows = append(t.rows, r)
			}
		}
		if len(t.rows) > 0 {
			turns = append(turns, t)
		}
	}
	return turns
}

// matches reports whether a point is to be measured; without a pattern all are.
func (c *Config) matches(point string) bool {
	return c.Only == nil || c.Only.MatchString(point)
}

// Points names everything that is measured in a round.
func Points(only *regexp.Regexp, aims []Aim) []string {
	var names []string
	c := Config{Only: only, Aims: aims}
	for _, t := range c.plan() {
		for _, r := range t.rows {
			names = append(names, fmt.Sprintf("%-24s %s", pointName(r.Name, t.spec.Name), r.Text))
		}
	}
	return names
}

const (
	// turnTime is what a system takes to start, to be given its keys and to end.
	turnTime = 4 * time.Second

	// backlogTime is what an open loop waits for, at most, after its end.
	backlogTime = time.Second
)

// Estimate returns how long a run takes once everything is built and installed.
func (c *Config) Estimate() time.Duration {
	round := time.Duration(0)
	for _, t := range c.plan() {
		round += turnTime + spinTime + c.condition(t.spec)
		for _, r := range t.rows {
			round += c.Warmup + c.Duration
			if r.Rate > 0 {
				round += backlogTime
			}
		}
	}
	return c.Watch + spinTime + time.Duration(c.Rounds)*round
}

// condition is how long a system is loaded before it is measured.
func (c *Config) condition(spec systems.Spec) time.Duration {
	return c.Condition * time.Duration(max(1, spec.Condition))
}
