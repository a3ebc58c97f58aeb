package fault

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

// Kind is what happens. What is known of each is in the table of kinds.
type Kind string

// The kinds.
const (
	Kill         Kind = "kill"
	Leave        Kind = "leave"
	Restart      Kind = "restart"
	Pause        Kind = "pause"
	Cut          Kind = "cut"
	Reset        Kind = "reset"
	Slow         Kind = "slow"
	RegistryAway Kind = "registry"
	DiskFull     Kind = "diskfull"
)

// Registry is the name of the registry among the ends of a cut.
const Registry = "registry"

// ErrStateLost says that a group has lost its state: what it did cannot be checked.
var ErrStateLost = errors.New("the group lost its state")

// Fault is one thing that goes wrong.
type Fault struct {
	Kind   Kind
	Nodes  []string // Kill, Leave, Restart, Pause: to whom
	A, B   string   // Cut, Reset, Slow: between whom; no B: A and all others; no A: any two nodes
	OneWay bool     // Cut, Slow: from A to B only
	Rate   int64    // Slow: bytes a second of each direction of a link, or, without B, of A's port

	At  time.Duration // when, from the begin of the time that counts
	For time.Duration // how long; 0: it is over at once, or, of Kill, Leave and RegistryAway, stays
}

// String writes the fault as Parse reads it.
func (f *Fault) String() string {
	var b strings.Builder
	b.WriteString(string(f.Kind))
	switch {
	case len(f.Nodes) > 0:
		b.WriteString(":" + strings.Join(f.Nodes, "+"))
	case f.A != "" && f.B == "":
		b.WriteString(":" + f.A)
	case f.A != "" && f.OneWay:
		b.WriteString(":" + f.A + ">" + f.B)
	case f.A != "":
		b.WriteString(":" + f.A + "-" + f.B)
	}
	b.WriteString("@" + short(f.At))
	if f.For > 0 {
		b.WriteString("+" + short(f.For))
	}
	if f.Rate > 0 {
		b.WriteString("=" + showRate(f.Rate))
	}
	return b.String()
}

// short is a duration without parts that are zero.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// End is when it is over: at once, unless it lasts for a time. A kill or a leave without a
// restart of its own, and a registry that does not come back, never end by
// themselves; forever stands for that.
func (f *Fault) End(forever time.Duration) time.Duration {
	if f.For == 0 && f.Kind.info().lasts == orStays {
		return max(forever, f.At)
	}
	return f.At + f.For
}

// Schedule is what goes wrong, in order of time.
type Schedule []Fault

// String writes the schedule as Parse reads it.
func (s Schedule) String() string {
	texts := make([]string, len(s))
	for i := range s {
		texts[i] = s[i].String()
	}
	return strings.Join(texts, ",")
}

func (s Schedule) sort() {
	slices.SortStableFunc(s, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}
