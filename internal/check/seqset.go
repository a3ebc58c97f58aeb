package check

import "sort"

// seqSet is a set of sequence numbers that is mostly without gaps: sorted
// runs, of which there is one more than there are gaps.
type seqSet struct{ runs []run }

// run has the numbers from low to high, both included.
type run struct{ low, high uint64 }

// at returns the first run that ends at or after n.
func (s *seqSet) at(n uint64) int {
	if last := len(s.runs) - 1; last < 0 || n > s.runs[last].high {
		return last + 1
	}
	return sort.Search(len(s.runs), func(i int) bool { return s.runs[i].high >= n })
}

func (s *seqSet) has(n uint64) bool {
	i := s.at(n)
	return i < len(s.runs) && s.runs[i].low <= n
}

func (s *seqSet) add(n uint64) {
	if s.has(n) {
		return
	}
	i := s.at(n)
	joinsLeft := i > 0 && s.runs[i-1].high+1 == n
	joinsRight := i < len(s.runs) && n+1 == s.runs[i].low
	switch {
	case joinsLeft && joinsRight:
		s.runs[i-1].high = s.runs[i].high
		s.runs = append(s.runs[:i], s.runs[i+1:]...)
	case joinsLeft:
		s.runs[i-1].high = n
	case joinsRight:
		s.runs[i].low = n
	default:
		s.runs = append(s.runs, run{})
		copy(s.runs[i+1:], s.runs[i:])
		s.runs[i] = run{low: n, high: n}
	}
}
