package session

import (
	"maps"
	"slices"
	"sort"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// seen is what a transaction has seen of ranges: the spans of keys of which it knows all
// variables, and those. All are of one position.
type seen struct {
	spans    []span            // in order, apart from each other
	versions map[string]uint64 // of the variables in them
}

// span has the keys from from on and below to; to "": without an upper bound.
type span struct{ from, to string }

func (s *span) reaches(key string) bool { return s.to == "" || s.to >= key }

// saw notes the only variable, or none, that was passed while more of a range was seen. It
// returns false if that is too much.
func (s *seen) saw(from, to string, item *wire.ScanItem) bool {
	if item != nil {
		if s.versions == nil {
			s.versions = make(map[string]uint64)
		}
		s.versions[item.Key] = item.Version
	}
	s.cover(from, to)
	return len(s.versions) <= wire.MaxRangeEntries && len(s.spans) <= wire.MaxTxnOps
}

// cover adds a span. Those that overlap or touch become one.
func (s *seen) cover(from, to string) {
	first := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].reaches(from) })
	end := first
	for ; end < len(s.spans) && (to == "" || s.spans[end].from <= to); end++ {
		from = min(from, s.spans[end].from)
		if to != "" && s.spans[end].reaches(to) {
			to = s.spans[end].to
		}
	}
	if end == first+1 {
		s.spans[first] = span{from, to}
		return
	}
	s.spans = slices.Replace(s.spans, first, end, span{from, to})
}

// has reports whether a key is in a span.
func (s *seen) has(key string) bool {
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].to == "" || s.spans[i].to > key })
	return i < len(s.spans) && s.spans[i].from <= key
}

// without returns the keys that are in no span, in the same order.
func (s *seen) without(keys []string) []string { return slices.DeleteFunc(keys, s.has) }

// conditions returns the conditions that each span has the variables that were seen in it.
func (s *seen) conditions() []wire.Cond {
	keys := slices.Sorted(maps.Keys(s.versions))
	list := make([]wire.Cond, 0, len(s.spans))
	var h wire.RangeHash
	for _, one := range s.spans {
		state := wire.RangeState{To: one.to}
		for len(keys) > 0 && (one.to == "" || keys[0] < one.to) {
			h.Add(keys[0], s.versions[keys[0]])
			state.Count++
			keys = keys[1:]
		}
		state.Sum = h.Sum()
		list = append(list, wire.Cond{Kind: wire.CondRange, Key: one.from, Range: &state})
	}
	return list
}
