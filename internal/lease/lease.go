package lease

import (
	"math"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// remembered is how many probes wait for answers, the latest ones. An older one
// would bring a lease that has run out, at several probes a lease time.
const remembered = 32

// Lease is a member's lease. The zero value has run out; set Time before the
// first use. It is not safe for concurrent use.
type Lease struct {
	// Time is for how long the lease lasts from when the question was asked. It
	// may be changed: leases that were got before keep their end.
	Time time.Duration

	until    time.Duration
	probes   [remembered]probe // by number modulo remembered
	answered uint64            // the last probe that counted
}

// probe is a question to all other members.
type probe struct {
	number uint64
	sent   time.Duration
}

// Probed notes that probe number, above all before, is sent now.
func (l *Lease) Probed(number uint64, now time.Duration) {
	l.probes[number%remembered] = probe{number: number, sent: now}
}

// Answered notes that by now every other member has answered probe number. To
// say so again changes nothing, and neither does 0.
func (l *Lease) Answered(number uint64, now time.Duration) {
	if number <= l.answered {
		return
	}
	l.answered = number
	if p := l.probes[number%remembered]; p.number == number {
		l.Vouched(p.sent, now)
	}
}

// Vouched notes that an answer has come by which this member was in the newest
// view after it asked. By a clock that was set back meanwhile, it asked now.
func (l *Lease) Vouched(asked, now time.Duration) {
	if asked > now || planted.On(planted.LeaseFromReceipt) {
		asked = now
	}
	l.until = max(l.until, asked+l.Time)
}

// SetBack notes that the clock was set back by d: the lease and its questions are
// older than it says.
func (l *Lease) SetBack(d time.Duration) {
	l.until -= d
	for i := range l.probes {
		l.probes[i].sent -= d
	}
}

// Until is when the lease ends, 0 if there was none yet. At that moment and
// later the member does not serve.
func (l *Lease) Until() time.Duration {
	if planted.On(planted.LeaseIgnored) {
		return math.MaxInt64
	}
	return l.until
}
