package workload

import (
	"fmt"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Expiring is an invariant that is shown the expiries which a watch of all variables returns.
type Expiring interface {
	Invariant
	// Expired takes the next expiry of the watch.
	Expired(e *Expiry)
	// Alive returns how many variables have a TTL, as far as the order and the expiries are
	// known.
	Alive() int
}

// Expiry is the end of a variable, as a watch returns it.
type Expiry struct {
	Key      string
	Position uint64
	At       int64 // when it came, on the clock of the run

	// Exist, if it is not nil, has the variables that exist at the position: the watch has
	// lagged, and began again there. The expiries that it has missed are not timed.
	Exist map[string]bool
}

// expiries is the invariant of variables that expire: no variable expires before the time that
// it was given has passed since the call that gave it began, and each expires once.
type expiries struct {
	tally
	atOnce bool

	applied uint64            // position that the order has come to
	early   []Expiry          // that the order has not come to
	lives   map[string][]life // of each variable, the oldest first
	alive   int
	begun   map[uint64]*call // by position: what gave variables a TTL, or was seen to end it

	watched uint64 // expiries
	missed  uint64 // that a watch has missed which lagged
	tooSoon uint64
	late    *hdrhistogram.Histogram // how late they came

	// With atOnce: the latencies of writes since all variables have their TTL and before the
	// first is due, and from then on until all have expired.
	due, last      int64 // on the clock of the run, 0: not yet
	before, during *hdrhistogram.Histogram
}

// life is the time of a variable with a TTL.
type life struct {
	set uint64 // position of the command that gave it
	ttl uint64 // in milliseconds
}

// call is the operation that gave some variables a TTL.
type call struct {
	start int64 // on the clock of the run
	known bool  // start is
	left  int   // variables that have not expired
	ends  []end // that came before start was known
}

// end is the end of a life.
type end struct {
	key string
	ttl uint64
	at  int64
}

func newExpiries(atOnce bool) *expiries {
	return &expiries{
		tally:  tally{result: check.Result{Name: "ttl", Kept: "the variables that have a TTL"}},
		atOnce: atOnce, lives: make(map[string][]life), begun: make(map[uint64]*call),
		late: load.NewHistogram(), before: load.NewHistogram(), during: load.NewHistogram(),
	}
}

// Order takes the next command of the order.
func (x *expiries) Order(e *check.Entry) {
	x.applied = e.Position
	if e.OK && e.Command.Op == wire.OpTxn {
		x.give(e)
	}
	for len(x.early) > 0 && x.early[0].Position <= x.applied {
		first := x.early[0]
		x.early = x.early[1:]
		x.end(&first)
	}
}

// give notes the variables that a transaction gives a TTL.
func (x *expiries) give(e *check.Entry) {
	var t wire.Txn
	if t.Decode(e.Command.Value) != nil {
		return
	}
	n := 0
	for i := range t.Then {
		if o := &t.Then[i]; o.TTL > 0 {
			key := strings.Clone(o.Key)
			x.lives[key] = append(x.lives[key], life{e.Position, o.TTL})
			n++
		}
	}
	x.alive += n
	if n > 0 {
		x.callAt(e.Position).left += n
	}
}

func (x *expiries) callAt(position uint64) *call {
	c := x.begun[position]
	if c == nil {
		c = &call{}
		x.begun[position] = c
	}
	return c
}

// Complete takes an operation of a client.
func (x *expiries) Complete(o *history.Op) {
	switch {
	case o.Status != history.OK:
	case o.Kind == history.Txn:
		x.began(o)
	case x.atOnce && !o.Kind.IsRead():
		x.wrote(o)
	}
}

// began takes when the call began that gave variables a TTL.
func (x *expiries) began(o *history.Op) {
	c := x.callAt(o.Position)
	c.start, c.known = o.Start, true
	for _, e := range c.ends {
		x.judge(c, e)
	}
	c.ends = nil
	x.forget(o.Position, c)
	if x.atOnce {
		x.before.Reset() // there is more to give
	}
	if ttl := firstTTL(o.Value); ttl > 0 && x.atOnce {
		x.due = o.Start + int64(ttl)*int64(time.Millisecond)
	}
}

// firstTTL is that of the first operation of a transaction, in milliseconds.
func firstTTL(encoded []byte) uint64 {
	var t wire.Txn
	if t.Decode(encoded) != nil || len(t.Then) == 0 {
		return 0
	}
	return t.Then[0].TTL
}

// wrote takes a write of a variable that stays.
func (x *expiries) wrote(o *history.Op) {
	switch latency := o.End - o.Start; {
	case x.due == 0:
	case o.End < x.due:
		load.RecordLatency(x.before, latency)
	case x.alive > 0 || o.Start <= x.last:
		load.RecordLatency(x.during, latency)
	}
}

// Expired takes an expiry that the watch returns.
func (x *expiries) Expired(e *Expiry) {
	if len(x.early) > 0 || e.Position > x.applied {
		x.early = append(x.early, *e)
		return
	}
	x.end(e)
}

// end ends the life of a variable, at a position to which the order has come.
func (x *expiries) end(e *Expiry) {
	if e.Exist != nil {
		x.lag(e)
		return
	}
	x.result.Events++
	x.watched++
	x.last = max(x.last, e.At)
	list := x.lives[e.Key]
	if len(list) == 0 || list[0].set >= e.Position {
		x.violate("%q has expired at position %d, and nothing had given it a TTL", e.Key, e.Position)
		return
	}
	first := list[0]
	c := x.over(e.Key)
	over := end{key: e.Key, ttl: first.ttl, at: e.At}
	if !c.known {
		c.ends = append(c.ends, over)
		return
	}
	x.judge(c, over)
	x.forget(first.set, c)
}

// over takes the first life of a variable away, and returns the call that began it.
func (x *expiries) over(key string) *call {
	list := x.lives[key]
	if x.alive--; len(list) == 1 {
		delete(x.lives, key)
	} else {
		x.lives[key] = list[1:]
	}
	c := x.callAt(list[0].set)
	c.left--
	return c
}

// lag ends the lives that a watch has missed the ends of. Of a variable that exists, the last
// one goes on.
func (x *expiries) lag(e *Expiry) {
	for key, list := range x.lives {
		n := 0
		for n < len(list) && list[n].set <= e.Position {
			n++
		}
		if n > 0 && e.Exist[key] {
			n--
		}
		for _, one := range list[:n] {
			x.forget(one.set, x.over(key))
			x.missed++
		}
	}
}

// forget lets go of a call that nothing more is to be held against.
func (x *expiries) forget(position uint64, c *call) {
	if c.known && c.left == 0 && position <= x.applied {
		delete(x.begun, position)
	}
}

// judge holds the end of a life against the call that began it.
func (x *expiries) judge(c *call, e end) {
	late := e.at - c.start - int64(e.ttl)*int64(time.Millisecond)
	if late < 0 {
		x.tooSoon++
		x.violate("%q has expired %s before the %d ms of its TTL were over", e.key, report.Duration(time.Duration(-late)), e.ttl)
		return
	}
	load.RecordLatency(x.late, late)
}

// Alive returns how many variables have a TTL.
func (x *expiries) Alive() int { return x.alive + len(x.early) }

// Replica takes what a node holds at the end: nothing that should have expired.
func (x *expiries) Replica(r *Replica) {
	if !x.reached(r) {
		return
	}
	for i := range r.Items {
		if len(x.lives[r.Items[i].Key]) == 0 && strings.Contains(r.Items[i].Key, "ttl/") {
			x.violate("%s still has %q at position %d, which has expired", r.Node, r.Items[i].Key, r.Position)
			return
		}
	}
}

// Finish returns what was found. What has not expired is no violation yet: perhaps nobody has
// waited. It could not be checked.
func (x *expiries) Finish() check.Result {
	if n := x.Alive(); n > 0 {
		x.miss("%s had not expired when the run ended", report.Count(n, "variable"))
	}
	x.result.Covers = fmt.Sprintf("none of %s expired early, and each expired once", report.Count(int(x.watched), "variable"))
	return x.result
}

// Note says how late variables expired, and what that cost writes.
func (x *expiries) Note() string {
	if x.late.TotalCount() == 0 {
		return ""
	}
	at := func(h *hdrhistogram.Histogram, quantile float64) string {
		return report.Duration(time.Duration(h.ValueAtQuantile(quantile)))
	}
	text := fmt.Sprintf("ttl: %s variables expired, %s early; late by p50 %s, p99 %s, max %s, counted from the call that set them",
		report.Grouped(int64(x.watched)), report.Grouped(int64(x.tooSoon)), at(x.late, 50), at(x.late, 99), report.Duration(time.Duration(x.late.Max())))
	if x.missed > 0 {
		text += fmt.Sprintf("; %s more were not timed, since the watch lagged", report.Grouped(int64(x.missed)))
	}
	if x.before.TotalCount() > 0 && x.during.TotalCount() > 0 {
		text += fmt.Sprintf("; writes p99 %s before and %s while they expired, %.1f times as much", at(x.before, 99), at(x.during, 99),
			float64(x.during.ValueAtQuantile(99))/float64(x.before.ValueAtQuantile(99)))
	}
	return text
}
