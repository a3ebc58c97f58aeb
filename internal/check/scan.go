package check

import (
	"slices"

	"github.com/seed-8247e700/dsm/internal/history"
)

// Scans checks that a scan shows the variables of its range as they were at one position, and
// that a count is their number there.
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
	Limit    int // of items; 0: none
	Position uint64
	Items    []history.Item
	Counts   bool // there are no items, but their number
	Found    int
}

// NewScans returns the check of scans against the variables that r keeps.
func NewScans(r *Reads) *Scans {
	return &Scans{tally: tally{name: "scans"}, reads: r}
}

// scanOf is the scan that an operation of a client was.
func scanOf(o *history.Op) *Scan {
	s := o.Scan
	return &Scan{
		Name: opText(o), From: o.Key, To: s.To, Reverse: s.Reverse, Limit: s.Limit, Position: o.Position,
		Items: s.Items, Counts: o.Kind == history.CountRange, Found: s.Found,
	}
}

// Complete takes a scan, whose items must not change afterwards.
func (c *Scans) Complete(s *Scan) {
	c.events++
	if s.Position > c.reads.position {
		c.early = append(c.early, *s)
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
	keys, shown := c.reads.index.between(s.From, s.To), 0
	for i := range keys {
		if s.Limit > 0 && shown == s.Limit {
			break
		}
		key := keys[i]
		if s.Reverse {
			key = keys[len(keys)-1-i]
		}
		want, known := c.reads.variables[key].at(s.Position)
		switch {
		case !known:
			c.miss("%s at position %d: versions that old are not kept any more", s.Name, s.Position)
			return
		case want.absent:
			continue
		}
		if shown++; !s.Counts && !c.shows(s, shown, key, want) {
			return
		}
	}
	switch {
	case s.Counts && s.Found != shown:
		c.violate("%s at position %d counts %d variables, and there are %d", s.Name, s.Position, s.Found, shown)
	case shown < len(s.Items):
		c.violate("%s at position %d shows %q of version %d, which does not exist there, or is beyond its limit",
			s.Name, s.Position, s.Items[shown].Key, s.Items[shown].Version)
	}
}

// shows reports whether the n-th item of a scan, from 1, is a variable as it was.
func (c *Scans) shows(s *Scan, n int, key string, want version) bool {
	if n > len(s.Items) {
		c.violate("%s at position %d lacks %q, which is %s", s.Name, s.Position, key, want.text())
		return false
	}
	got := &s.Items[n-1]
	if got.Key != key || got.Version != want.position || got.Hash != want.hash && !want.opaque {
		c.violate("%s at position %d shows %q as %s of version %d, and comes to %q, which is %s",
			s.Name, s.Position, got.Key, valueText(got.Head), got.Version, key, want.text())
		return false
	}
	return true
}

// Finish reports scans of positions that the order never reached.
func (c *Scans) Finish() Result {
	for _, s := range c.early {
		c.miss("%s: the order does not reach position %d", s.Name, s.Position)
	}
	return c.result("the variables of a range as they were at one position", "as for reads")
}
