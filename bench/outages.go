package bench

import (
	"cmp"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

// leastSilence is the shortest time without an answer that is kept track of.
const leastSilence = 50 * time.Millisecond

// outages knows when writes and reads succeeded.
type outages struct {
	writes, reads pulse
	seconds       []Second

	excuse    func(from, to int64) bool // faults do, for what took that time; nil: nothing was done to the group
	surprises int64                     // errors that no fault excuses
	surprise  string                    // the first
}

// Second is what ended in one second of the time that counts.
type Second struct {
	Reads  int64 `json:"reads"`
	Writes int64 `json:"writes"`
	Errors int64 `json:"errors"`
}

// add takes an operation, in the order in which they ended. One that failed for no
// fault of its own is none that succeeded.
func (o *outages) add(r *record) {
	if r.err != nil && !o.excused(r) {
		o.surprises++
		o.surprise = cmp.Or(o.surprise, fmt.Sprintf("client %d, after %s: %v",
			r.op.Client, shortDuration(time.Duration(r.op.End-r.op.Start)), r.err))
	}
	if !r.counts || r.op.End < r.from || r.op.End > r.until {
		return
	}
	n := int((r.op.End - r.from) / int64(time.Second))
	for len(o.seconds) <= n {
		o.seconds = append(o.seconds, Second{})
	}
	switch s := &o.seconds[n]; {
	case r.err != nil:
		s.Errors++
	case r.op.Kind.IsRead():
		s.Reads++
		o.reads.beat(r.op.End)
	default:
		s.Writes++
		o.writes.beat(r.op.End)
	}
}

// excused reports whether an operation that failed had too little time for what
// was done to the group.
func (o *outages) excused(r *record) bool {
	return timeWasUp(r.err) && o.excuse != nil && o.excuse(r.op.Start, r.op.End)
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

// longest is the longest silence within a time, as far as it is in it.
func (p *pulse) longest(from, to int64) time.Duration {
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

// hasReads and hasWrites tell whether a load has such operations at all.
func (c *Config) hasReads() bool  { return c.Writes < 1 }
func (c *Config) hasWrites() bool { return c.Writes > 0 }
