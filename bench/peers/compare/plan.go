package compare

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

// turn is a system, and the rows that it is measured in.
type turn struct {
	spec systems.Spec
	rows []Row
}

// pointName is a row on a system.
func pointName(row, system string) string { return row + "/" + system }

// measures reports whether a row is about a system.
func (r *Row) measures(rows []Row, system string) bool {
	if r.Ours == system || slices.Contains(r.Also, system) {
		return true
	}
	for _, other := range rows {
		for _, aim := range other.Aims {
			in := aim.Row
			if in == "" {
				in = other.Name
			}
			if in == r.Name && slices.Contains(aim.Systems, system) {
				return true
			}
		}
	}
	return false
}

// plan has the turns of a round, with the points whose name matches, and those that
// these need.
func plan(rows []Row, specs []systems.Spec, only *regexp.Regexp) []turn {
	var turns []turn
	for _, spec := range specs {
		needed := map[string]bool{}
		for _, r := range rows {
			if r.measures(rows, spec.Name) && only.MatchString(pointName(r.Name, spec.Name)) {
				needed[r.Name], needed[r.Needs] = true, true
			}
		}
		t := turn{spec: spec}
		for _, r := range rows {
			if needed[r.Name] {
				t.rows = append(t.rows, r)
			}
		}
		if len(t.rows) > 0 {
			turns = append(turns, t)
		}
	}
	return turns
}

// Points names everything that is measured in a round.
func Points(only *regexp.Regexp) []string {
	var names []string
	for _, t := range plan(Rows(), systems.All(), only) {
		for _, r := range t.rows {
			names = append(names, fmt.Sprintf("%-24s %s", pointName(r.Name, t.spec.Name), r.Text))
		}
	}
	return names
}
