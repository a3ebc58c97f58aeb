package sim

import (
	"math/rand/v2"
	"slices"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// drawUpdates decides how many conditions on ranges there are.
func (t *traits) drawUpdates(r *rand.Rand) { t.ranges = pick(r, 0, 0.2, 0.5) }

// condOf is the condition that a range is as a scan has shown it.
func condOf(s *check.Scan) *wire.Cond {
	items := slices.Clone(s.Items)
	if s.Reverse {
		slices.Reverse(items)
	}
	var h wire.RangeHash
	for i := range items {
		h.Add(items[i].Key, items[i].Version)
	}
	return &wire.Cond{Kind: wire.CondRange, Key: s.From, Range: &wire.RangeState{To: s.To, Count: uint64(len(items)), Sum: h.Sum()}}
}

// rangeCond is the condition that the range which was scanned last has not changed, or now
// and then one that cannot hold.
func (c *client) rangeCond() wire.Cond {
	cond := *c.scanned
	if c.updates.IntN(10) == 0 {
		state := *cond.Range
		state.Sum[c.updates.IntN(len(state.Sum))]++
		cond.Range = &state
	}
	return cond
}
