package report

import (
	"cmp"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/driver"
)

// leastSilence is the shortest time without an answer that is kept track of.
const leastSilence = 50 * time.Millisecond

// Outages knows when writes and reads succeeded.
type Outages struct {
	Writes, Reads pulse
	Seconds       []Second

	Excuse    func(from, to int64) bool // faults do, for what took that time; nil: nothing was done to the group
	Surprises int64                     // errors that no fault excuses
	Surprise  string                    // the first
}

// Second is what ended in one second of the time that counts.
type Second struct {
	Reads  int64 `json:"reads"`
	Writes int64 `json:"writes"`
	Errors int64 `json:"errors"`
}

// Add takes an operation, in the order in which they ended. One that failed for no
// fault of its own is none that succeeded.
func (o *Outages) Add(r *load.Record) {
	if r.Err != nil && !o.excused(r) {
		o.Surprises++
		o.Surprise = cmp.Or(o.Surprise, fmt.Sprintf("client %d, after %s: %v",
			r.Op.Client, Duration(time.Duration(r.Op.End-r.Op.Start)), r.Err))
	}
	if !r.Counts || r.Op.End < r.From || r.Op.End > r.Until {
		return
	}
	n := int((r.Op.End - r.From) / int64(time.Second))
	for len(o.Seconds) <= n {
		o.Seconds = append(o.Seconds, Second{})
	}
	switch s := &o.Seconds[n]; {
	case r.Err != nil:
		s.Errors++
	case r.Op.Kind.IsRead():
		s.Reads++
		o.Reads.beat(r.Op.End)
	default:
		s.Writes++
		o.Writes.beat(r.Op.End)
	}
}

// excused reports whether an operation that failed had too little time for what
// was done to the group.
func (o *Outages) excused(r *load.Record) bool {
	return timeWasUp(r.Err) && o.Excuse != nil && o.Excuse(r.Op.Start, r.Op.End)
}

// timeWasUp reports whether an error says that, and nothing else. Whatever else
// goes wrong the driver tries again.
func timeWasUp(err error) bool {
	return errors.Is(err, driver.ErrOutcomeUnknown) || errors.Is(err, driver.ErrUnavailable)
}

// pulse has the silences between successes.
type pulse struct {
	beats    bool // there were any
	first    int64
	last     int64
	silences []silence // in order
}

// silence is a time without success, on the clock of the run.
type silence struct{ from, to int64 }

func (p *pulse) beat(at int64) {
	if !p.beats {
		p.beats, p.first = true, at
	} else if at-p.last >= int64(leastSilence) {
		p.silences = append(p.silences, silence{p.last, at})
	}
	p.last = at
}

// Longest is the longest silence within a time, as far as it is in it.
func (p *pulse) Longest(from, to int64) time.Duration {
	if !p.beats {
		return time.Duration(max(0, to-from))
	}
	within := func(s silence) int64 { return min(s.to, to) - max(s.from, from) }
	most := max(within(silence{from, p.first}), within(silence{p.last, to}), 0)
	begin := sort.Search(len(p.silences), func(i int) bool { return p.silences[i].to > from })
	for _, s := range p.silences[begin:] {
		if s.from >= to {
			break
		}
		most = max(most, within(s))
	}
	return time.Duration(most)
}
