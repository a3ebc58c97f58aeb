package check

import (
	"bytes"
	"maps"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Scans checks that a scan shows the variables of its range as they were at one position.
type Scans struct {
	tally
	reads *Reads
	early []Scan
}

// Scan is what a scan has shown, or a read of one variable at a position.
type Scan struct {
	Name     string // for people
	From, To string // keys from From on and below To; To "": without an upper bound
	Reverse  bool
	Position uint64
	Items    []wire.ScanItem
}

// NewScans returns the check of scans against the variables that r keeps.
func NewScans(r *Reads) *Scans { return &Scans{tally: tally{name: "scans"}, reads: r} }

// Complete takes a scan.
func (c *Scans) Complete(s *Scan) {
	c.events++
	if s.Position > c.reads.position {
		kept := *s
		kept.Items = slices.Clone(s.Items)
		for i := range kept.Items {
			kept.Items[i].Value = bytes.Clone(kept.Items[i].Value)
		}
		c.early = append(c.early, kept)
		return
	}
	c.settle(s)
}

// order settles the scans of positions that are known now.
func (c *Scans) order(position uint64) {
	if len(c.early) == 0 {
		return
	}
	c.early = slices.DeleteFunc(c.early, func(s Scan) bool {
		if s.Position <= position {
			c.settle(&s)
		}
		return s.Position <= position
	})
}

// settle holds a scan against the state at its position.
func (c *Scans) settle(s *Scan) {
	items := s.Items
	keys := slices.Sorted(maps.Keys(c.reads.variables))
	if s.Reverse {
		slices.Reverse(keys)
	}
	for _, key := range keys {
		if key < s.From || s.To != "" && key >= s.To {
			continue
		}
		want, known := c.reads.variables[key].at(s.Position)
		switch {
		case !known:
			c.miss("%s at position %d: versions that old are not kept any more", s.Name, s.Position)
			return
		case want.absent:
			continue
		case len(items) == 0:
			c.violate("%s at position %d lacks %q, which is %s", s.Name, s.Position, key, want.text())
			return
		}
		got := &items[0]
		items = items[1:]
		if got.Key != key || got.Version != want.position || xxh3.Hash(got.Value) != want.hash && !want.opaque {
			c.violate("%s at position %d shows %q as %s of version %d, and comes to %q, which is %s",
				s.Name, s.Position, got.Key, valueText(got.Value), got.Version, key, want.text())
			return
		}
	}
	if len(items) > 0 {
		c.violate("%s at position %d shows %q of version %d, which does not exist there", s.Name, s.Position, items[0].Key, items[0].Version)
	}
}

// Finish reports scans of positions that the order never reached.
func (c *Scans) Finish() Result {
	for _, s := range c.early {
		c.miss("%s: the order does not reach position %d", s.Name, s.Position)
	}
	return c.result("the variables of a range as they were at one position", "as for reads")
}
