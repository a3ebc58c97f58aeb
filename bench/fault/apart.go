package fault

import (
	"slices"
	"time"
)

// Apart tells, for each fault, why what it costs while it stands cannot be held
// against a bound: it overlaps another, or what it needs is missing. It is "" for a
// fault that stands alone. A kill or a leave stands for as long as a group may take to go
// on without the node, missed, or until it lives again, if that is later.
//
// A group goes on over slow links. So faults that a slow one overlaps are judged all the
// same, and the slow one is unless it begins while another stands.
func (s Schedule) Apart(missed time.Duration) []string {
	until := s.until(missed)
	why := make([]string, len(s))
	for i := range s {
		for j := range s {
			if i == j || s[i].At >= until[j] || s[j].At >= until[i] {
				continue
			}
			if s[j].Kind == Slow || s[i].Kind == Slow && s[j].At > s[i].At {
				continue
			}
			why[i] = "overlaps " + s[j].String()
			if s[j].aboutRegistry() {
				why[i] = "no registry: " + s[j].String()
				break
			}
		}
	}
	return why
}

// Clusters returns the faults, as indices in order, in parts between which no fault stands:
// each part has faults of which each overlaps another one of it, or a single fault that
// stands alone. Faults stand as long as Apart says. Slow ones are in no part.
func (s Schedule) Clusters(missed time.Duration) [][]int {
	until := s.until(missed)
	var parts [][]int
	end := time.Duration(0)
	for i := range s {
		if s[i].Kind == Slow {
			continue
		}
		if len(parts) == 0 || s[i].At >= end {
			parts = append(parts, nil)
		}
		last := len(parts) - 1
		parts[last] = append(parts[last], i)
		end = max(end, until[i])
	}
	return parts
}

// until is until when each fault stands.
func (s Schedule) until(missed time.Duration) []time.Duration {
	until := make([]time.Duration, len(s))
	for i := range s {
		until[i] = s.stands(i, missed)
	}
	return until
}

// stands is until when a fault does, with a moment for one that has no length.
func (s Schedule) stands(i int, missed time.Duration) time.Duration {
	const moment = 1
	f := &s[i]
	switch {
	case f.takesNodes() && f.For == 0:
		end := f.At + missed
		for j := range s {
			if s[j].Kind == Restart && s[j].At >= f.At && slices.Equal(s[j].Nodes, f.Nodes) {
				end = min(end, s[j].At) // the group need not wait: the node proves that it was dead
			}
		}
		return end
	case f.takesNodes():
		return f.At + max(missed, f.For)
	default:
		return max(f.End(forever), f.At+moment)
	}
}
