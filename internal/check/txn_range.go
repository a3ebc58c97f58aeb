package check

import (
	"strings"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// knows reports whether all variables that a condition is on are ours, if it is on a range.
func (r *Reads) knows(c *wire.Cond) bool {
	if c.Kind != wire.CondRange || r.prefix == "" {
		return true
	}
	// No key with the prefix is above it with its last byte raised.
	end := []byte(r.prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) > 0 {
		end[len(end)-1]++
	}
	return strings.HasPrefix(c.Key, r.prefix) && (len(end) == 0 || c.Range.To != "" && c.Range.To <= string(end))
}

// rangeHolds reports whether a condition on a range holds for the newest versions.
func (r *Reads) rangeHolds(c *wire.Cond) bool {
	var h wire.RangeHash
	count := uint64(0)
	for _, key := range r.index.between(c.Key, c.Range.To) {
		if count > c.Range.Count {
			break
		}
		if v := r.variables[key].present(); !v.absent {
			count++
			h.Add(key, v.position)
		}
	}
	return count == c.Range.Count && h.Sum() == c.Range.Sum
}
