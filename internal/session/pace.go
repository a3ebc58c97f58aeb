package session

import "time"

// lasting is how long a connection has to last for its end not to count as one
// more in a row.
const lasting = time.Second

// Pace keeps a client from hammering servers that refuse it, however many operations
// want a connection: when one fails the next is made at once, since another server may
// do better, and later and later when that goes on. The zero value is ready for use.
type Pace struct {
	failures int       // in a row
	until    time.Time // no connection is made before
}

// Lost notes that a connection which had lasted so long did not do well. random is from
// [0, 1).
func (p *Pace) Lost(now time.Time, lasted time.Duration, random float64) {
	if lasted >= lasting {
		p.failures = 0
	}
	if p.failures++; p.failures > 1 {
		p.until = now.Add(Backoff(p.failures-1, random))
	}
}

// Refused notes that no server could be connected to. random is from [0, 1).
func (p *Pace) Refused(now time.Time, random float64) {
	p.failures++
	p.until = now.Add(Backoff(p.failures, random))
}

// Wait is how long no connection is made.
func (p *Pace) Wait(now time.Time) time.Duration { return max(p.until.Sub(now), 0) }
