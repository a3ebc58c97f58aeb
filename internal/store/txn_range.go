package store

import (
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// rangeHolds reports whether the variables of a range are those that a condition says, each
// of the same version. It looks at what exists now, and stops at the first variable that is
// one too many. Deleted variables whose entries are still there do not count: how long they
// stay is each replica's own affair. Since ranges do not overlap, a transaction passes each
// of them once.
func (t *variables) rangeHolds(h *wire.RangeHash, c *wire.Cond) bool {
	left, more := c.Range.Count, false
	walk(t.index.tree, Range{From: c.Key, To: c.Range.To}, false, func(e *entry) bool {
		v := e.current.Load()
		if v.deleted {
			return true
		}
		if more = left == 0; more {
			return false
		}
		left--
		h.Add(e.key, v.position)
		return true
	})
	sum := h.Sum()
	if planted.On(planted.RangeForgetsDeletions) && left > 0 {
		return true
	}
	return !more && left == 0 && sum == c.Range.Sum
}
