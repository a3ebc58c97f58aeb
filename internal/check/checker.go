package check

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Options says what a Checker may take for granted.
type Options struct {
	// Origin is the position after which the streams are checked. The
	// variables with Prefix are absent there. 0: from the beginning.
	Origin uint64

	// Shared says that clients which are not ours write too, to keys without
	// Prefix.
	Shared bool

	// Prefix is what the keys of our clients begin with.
	Prefix string

	// Age is how old what a plain read reflects may be: the time of a lease, and
	// something for answers to travel. 0: it may be of any age.
	Age time.Duration

	// WholeBytes is up to how many bytes the newest value of each variable is kept whole. What
	// transactions append to a longer one is not checked. 0: none is kept, for orders without
	// transactions.
	WholeBytes int

	// Scans has scans and counts checked too.
	Scans bool

	// Watches has watches checked too, and scans. All changes of the order are kept.
	Watches bool

	// Found, if set, is called with each violation when it is found, by the name of
	// the check.
	Found func(check, text string)

	// Command, if set, is called with each command of the order, before the checks
	// look at it.
	Command func(*Entry)

	// Changed, if set, is called with each change of a variable of our clients, in the order:
	// the key and the hash (xxh3) of its value from now on, or that it is absent. The changes
	// of a transaction come in the order in which a watch returns them.
	Changed func(position uint64, key string, hash uint64, absent bool)
}

// Checker makes all checks. It must be used by one goroutine at a time.
type Checker struct {
	total       *TotalOrder
	agreement   *Agreement
	session     *SessionOrder
	reads       *Reads
	strong      *StrongReads
	freshness   *Freshness
	convergence *Convergence
	watches     *Watches // nil: none
	scans       *Scans   // nil: none
	command     func(*Entry)
}

// New returns a Checker.
func New(o Options) *Checker {
	c := &Checker{
		agreement:   NewAgreement(o.Shared, o.Prefix, o.Origin),
		session:     NewSessionOrder(),
		reads:       NewReads(o.Prefix, o.Origin),
		strong:      NewStrongReads(),
		freshness:   NewFreshness(o.Age),
		convergence: NewConvergence(),
		command:     o.Command,
	}
	c.reads.wholeBytes = o.WholeBytes
	if o.Scans || o.Watches {
		c.scans = NewScans(c.reads)
		c.scans.found = o.Found
	}
	if o.Watches {
		c.watches = NewWatches(o.Origin)
		c.watches.found = o.Found
		c.reads.changed = c.watches.changed
	}
	if o.Changed != nil {
		before := c.reads.changed
		c.reads.changed = func(key string, now, old version) {
			if before != nil {
				before(key, now, old)
			}
			o.Changed(now.position, key, now.hash, now.absent)
		}
	}
	c.total = NewTotalOrder(o.Origin, c.order)
	for _, t := range []*tally{
		&c.total.tally, &c.agreement.tally, &c.session.tally, &c.reads.tally, &c.strong.tally, &c.freshness.tally, &c.convergence.tally,
	} {
		t.found = o.Found
	}
	return c
}

// JoinStream tells of a stream before its first delivery.
func (c *Checker) JoinStream(name string) { c.total.Join(name) }

// Deliver takes the next delivery of a stream. What d points to must not
// change afterwards.
func (c *Checker) Deliver(stream string, d *wire.Delivery) { c.total.Deliver(stream, d) }

// RestartStream tells that a node loaded a snapshot (again), so that the next
// delivery of its stream may be any later one.
func (c *Checker) RestartStream(stream string) { c.total.Restart(stream) }

// EndStream tells that a stream ended because its node left or died.
func (c *Checker) EndStream(stream string) { c.total.End(stream) }

// LoseStream tells that a stream ended although its node lives, so that the
// run cannot be checked.
func (c *Checker) LoseStream(stream, why string) { c.total.Lose(stream, why) }

// Complete takes an operation of a client. Operations come in the order in
// which they ended.
func (c *Checker) Complete(o *history.Op) {
	c.agreement.Complete(o)
	c.session.Complete(o)
	c.reads.Complete(o)
	c.strong.Complete(o)
	c.freshness.Complete(o)
	if c.scans != nil && o.Scan != nil && o.Status == history.OK {
		c.scans.Complete(scanOf(o))
	}
}

// Advance tells that operations to come began at or after start and report
// positions of at least floor.
func (c *Checker) Advance(start int64, floor uint64) {
	c.strong.Advance(start)
	c.freshness.Advance(start)
	c.reads.Advance(floor)
}

// Digest takes a node's digest of its state at a position.
func (c *Checker) Digest(node string, position, digest uint64) {
	c.convergence.Digest(node, position, digest)
}

// MissDigest tells that the digest of a live node could not be had.
func (c *Checker) MissDigest(node, why string) { c.convergence.Miss(node, why) }

// Position is the last position of the order.
func (c *Checker) Position() uint64 { return c.total.Position() }

// Lowest is the last position that every live node has delivered.
func (c *Checker) Lowest() uint64 { return c.total.Lowest() }

// Finish ends the checks and returns what each found. Every live node must have
// delivered the order up to end, the last position that anyone was told.
func (c *Checker) Finish(end uint64) []Result {
	results := []Result{
		c.total.Finish(end), c.agreement.Finish(), c.session.Finish(),
		c.reads.Finish(), c.strong.Finish(), c.freshness.Finish(), c.convergence.Finish(),
	}
	if c.watches != nil {
		results = append(results, c.watches.Finish())
	}
	if c.scans != nil {
		results = append(results, c.scans.Finish())
	}
	return results
}

// Watch takes the beginning of a watch, as Watches.Begin says.
func (c *Checker) Watch(name, from, to string, old bool, after uint64) *Watch {
	return c.watches.Begin(name, from, to, old, after)
}

// Scan takes a scan that has ended.
func (c *Checker) Scan(s *Scan) { c.scans.Complete(s) }

// order takes apart a message that became part of the order.
func (c *Checker) order(d *wire.Delivery) {
	rest := d.Payload
	for i := range d.Count {
		cmd, after, err := wire.DecodeCommand(rest)
		if err != nil {
			c.total.violate("command %d of %s cannot be decoded: %v", i, describe(d), err)
			return
		}
		rest = after
		e := Entry{Position: d.First + uint64(i), Command: cmd, OK: i/8 < len(d.Effects) && d.Effect(i)}
		if c.command != nil {
			c.command(&e)
		}
		c.reads.Order(&e)
		c.agreement.Order(&e)
		if c.watches != nil {
			c.watches.order(e.Position)
		}
		if c.scans != nil {
			c.scans.order(e.Position)
		}
	}
	if len(rest) > 0 {
		c.total.violate("%s has %d bytes too many", describe(d), len(rest))
	}
}
