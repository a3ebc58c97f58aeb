package driver

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
)

// lasting is how long a connection has to last for its end not to count as one
// more in a row.
const lasting = time.Second

// pace keeps a handle from hammering servers that refuse it, however many
// operations want a connection: when one fails the next is made at once, since
// another server may do better, and later and later when that goes on.
type pace struct {
	failures int       // in a row
	until    time.Time // no connection is made before
}

// lost notes that a connection which had lasted so long did not do well.
func (p *pace) lost(now time.Time, lasted time.Duration, random float64) {
	if lasted >= lasting {
		p.failures = 0
	}
	if p.failures++; p.failures > 1 {
		p.until = now.Add(session.Backoff(p.failures-1, random))
	}
}

// refused notes that no server could be connected to.
func (p *pace) refused(now time.Time, random float64) {
	p.failures++
	p.until = now.Add(session.Backoff(p.failures, random))
}
