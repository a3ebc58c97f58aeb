package check

import (
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
)

// ageGrains is in how many pieces the age is cut that a plain read may have: of each
// only the last position acknowledged is kept.
const ageGrains = 300

// Freshness checks that no plain read is older than a lease allows: what it reflects
// has every write that was acknowledged, and every strong read that was answered,
// so long before it began, whichever session they were of. A node that was left out
// of the group and goes on serving is found by that and by no other check, since its
// old copy is as it was at its position.
type Freshness struct {
	tally
	age  int64 // ns
	acks acks
}

// NewFreshness returns the check for plain reads that may be of a certain age, 0: of
// any.
func NewFreshness(age time.Duration) *Freshness {
	return &Freshness{tally: tally{name: "freshness"}, age: int64(age), acks: acks{grain: int64(age / ageGrains)}}
}

// Complete takes an operation. They come in the order in which they ended.
func (f *Freshness) Complete(o *history.Op) {
	switch {
	case f.age == 0, o.Position == 0: // Reads looks at the latter
	case o.Kind.IsPlainRead():
		f.check(o)
	default:
		f.acks.add(o.End, o.Position)
	}
}

func (f *Freshness) check(o *history.Op) {
	f.events++
	switch floor, known := f.acks.before(o.Start - f.age); {
	case !known:
		f.miss("%s began long before the oldest acknowledgement that is kept", opText(o))
	case o.Position < floor.seen:
		f.violate("%s misses position %d, which was acknowledged %v before it began, and may miss what is no older than %v",
			opText(o), floor.seen, time.Duration(o.Start-floor.end).Round(time.Millisecond), time.Duration(f.age))
	}
}

// Advance tells that every operation to come began at or after start.
func (f *Freshness) Advance(start int64) { f.acks.forget(start - f.age) }

// Finish returns what was found.
func (f *Freshness) Finish() Result {
	return f.result(fmt.Sprintf("plain reads have all that was acknowledged to anybody %v before they began", time.Duration(f.age)),
		fmt.Sprintf("a position for each %v; from as long before the oldest operation in flight on", time.Duration(f.acks.grain)))
}
