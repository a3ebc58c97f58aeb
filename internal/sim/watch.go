package sim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// watching is a watch of a client. What it decides is session.Watch.
type watching struct {
	c      *client
	watch  session.Watch
	events session.Events[wire.Event]
	bound  uint64 // the generation in which it began, 0: it has not
	check  *check.Watch
	conn   *wires.Conn // that it is under way on; nil: none
	number uint64      // there
	credit uint64
	owed   int // bytes that were returned and are not granted again
	heard  int // how often it, or its server, has shown life
	over   bool
}

// watchTraits are what the watches of a run are like.
type watchTraits struct {
	most    int           // of each client at a time
	every   time.Duration // one begins, or a scan
	lasts   time.Duration
	slow    float64 // chance that a client reads slowly for once
	history int     // bytes of changes that a replica keeps
}

func (t *traits) drawWatches(r *rand.Rand) {
	t.watches = watchTraits{
		most: pick(r, 0, 0, 1, 2, 3), every: t.detection * pick(r, time.Duration(1), 2, 4), lasts: t.detection * pick(r, time.Duration(1), 4, 20),
		slow: pick(r, 0, 0.01, 0.1), history: pick(r, 1000, 4<<10, 16<<10),
	}
}

// slowness is how long the client takes to read.
func (c *client) slowness() time.Duration {
	t := &c.w.traits
	if !c.w.healed && chance(c.watches, t.watches.slow) {
		return upTo(c.watches, 4*t.detection)
	}
	return upTo(c.watches, t.latency)
}

// look begins watches and scans, now and then.
func (c *client) look() {
	w := c.w
	if w.draining || w.traits.watches.most == 0 {
		return
	}
	w.After(time.Duration(c.watches.ExpFloat64()*float64(max(w.traits.watches.every, w.scannable()))), c.look)
	if c.watches.IntN(2) == 0 {
		c.scan()
		return
	}
	if len(c.watchings) < w.traits.watches.most {
		c.watchSomething()
	}
}

// someRange is that of a key, of a prefix, or of all.
func (c *client) someRange() (from, to string) {
	n := c.watches.IntN(c.w.traits.keys)
	switch c.watches.IntN(5) {
	case 0:
		return variableName(n), variableName(n) + "\x00"
	case 1:
		return "txn", "txo"
	case 3:
		return "ttl", "ttm"
	case 2:
		return variableName(n), ""
	}
	return "", ""
}

// past is a position that the client may have kept.
func (c *client) past() uint64 {
	return c.state.seen - min(c.state.seen, c.watches.Uint64N(200))
}

// watchSomething begins a watch of something.
func (c *client) watchSomething() {
	w := c.w
	q := wire.WatchQuery{Credit: pick[uint64](c.watches, 100, 2000, 1<<20)}
	q.From, q.To = c.someRange()
	if c.watches.IntN(2) == 0 {
		q.Flags |= wire.WatchOld
	}
	if seen := c.past(); c.watches.IntN(2) == 0 && seen > 0 {
		q.Flags, q.After = q.Flags|wire.WatchAfter, seen
	}
	one := &watching{c: c, watch: session.NewWatch(q), credit: q.Credit}
	c.watchings = append(c.watchings, one)
	one.begin()
	w.After(time.Duration(c.watches.ExpFloat64()*float64(w.traits.watches.lasts)), func() {
		if !w.healed {
			one.end()
		}
	})
}

func (one *watching) String() string {
	q := one.watch.Query()
	return fmt.Sprintf("the watch %d of %s from %q to %q", one.number, one.c, q.From, q.To)
}

// begin begins the watch at a server, where it is.
func (one *watching) begin() {
	c := one.c
	op := &operation{c: c, begun: c.w.Now, state: c.state, watching: one}
	op.Kind = session.Get
	op.asks = func(req *wire.Request) {
		c.numbers++
		one.number = c.numbers
		q := one.watch.Query()
		q.Watch = one.number
		req.Kind, req.Key = wire.RequestWatch, string(q.Append(nil))
	}
	op.takes = func(reply *wire.Reply) {
		if one.over {
			one.abandon(op.on)
			*reply = wire.Reply{Position: op.Asked()}
			return
		}
		switch one.watch.Reply(reply, op.Asked()) {
		case session.Begun:
			one.begun(op.on)
		case session.Lagged:
			one.lags()
		case session.NotBegun:
		}
	}
	op.then = func(bool) {
		switch {
		case one.over || one.conn != nil:
		case one.bound != 0 && c.state.bound != one.bound:
			one.end() // ErrGeneration
		default:
			c.w.After(one.watch.Pause(c.watches.Float64()), func() {
				if !one.over {
					one.begin()
				}
			})
		}
	}
	c.active = append(c.active, op)
	op.start()
}

// useless reports whether the watch is over, or began in another generation than that of a
// connection.
func (one *watching) useless(generation uint64) bool {
	return one.over || one.bound != 0 && one.bound != generation
}

// begun notes that the watch is under way.
func (one *watching) begun(on *wires.Conn) {
	c := one.c
	one.conn, one.owed = on, 0
	if one.bound == 0 {
		one.bound = c.info
		c.w.counts.Watches++
		if !c.w.traits.agreed {
			q := one.watch.Query()
			one.check = c.w.order(one.bound).checker.Watch(one.String(), q.From, q.To, q.Flags&wire.WatchOld != 0, q.After)
		}
	}
	one.guard()
}

// guard goes on elsewhere when the server shows no life, does not serve, or its connection
// takes no new requests.
func (one *watching) guard() {
	c, conn, heard := one.c, one.conn, one.heard
	conn.Send(1, c.w.requestBytes(&wire.Request{Kind: wire.RequestPing}), func() {
		if r, _ := serving(conn); r != nil && r.reader.Serves() {
			conn.Send(0, c.w.replyBytes(&wire.Reply{}), func() { one.heard++ })
		}
	})
	c.w.After(c.w.traits.patience, func() {
		switch {
		case one.over || one.conn != conn:
		case one.heard == heard:
			c.fail(conn)
			one.lost()
		case c.conn != conn:
			one.abandon(conn)
			one.lost()
		default:
			one.guard()
		}
	})
}

// events takes the events of a frame that has come on a connection.
func (c *client) events(conn *wires.Conn, body []byte) {
	var r wire.EventReader
	r.Reset(body)
	for numbers, e, ok := r.Next(); ok; numbers, e, ok = r.Next() {
		for _, number := range numbers {
			for _, one := range slices.Clone(c.watchings) {
				if one.conn == conn && one.number == number {
					one.event(&e)
				}
			}
		}
	}
	if r.Bad() {
		c.w.fail("protocol: %s is sent events that it cannot read", c)
	}
}

// event takes an event.
func (one *watching) event(e *wire.Event) {
	one.heard++
	if e.Kind == wire.EventEnded {
		if !one.watch.Ended(e.Status) {
			one.c.fail(one.conn)
			one.lost()
			return
		}
		one.drain()
		if one.check != nil {
			one.check.Event(e)
		}
		one.lags()
		return
	}
	kept := *e
	kept.Key, kept.Value, kept.Old = strings.Clone(e.Key), bytes.Clone(e.Value), bytes.Clone(e.Old)
	cost := 0
	if e.Kind != wire.EventProgress {
		cost = wire.EventBytes + len(e.Key) + len(e.Value) + len(e.Old)
	}
	one.events.Add(kept, cost, e.Last)
	one.drain()
}

// drain returns to the caller what is complete.
func (one *watching) drain() {
	counts := &one.c.w.counts
	events, n := one.events.Take(nil)
	for i := range events {
		e := &events[i]
		if e.Kind == wire.EventProgress {
			if !one.watch.Progress(e.Position) {
				continue
			}
			counts.Progress++
		} else {
			one.watch.Returned(e.Position, e.Last)
			counts.WatchEvents++
			if e.Kind == wire.EventExpire {
				counts.WatchExpiries++
			}
		}
		if one.check != nil {
			one.check.Event(e)
		}
	}
	if one.owed += n; one.owed > 0 && uint64(one.owed) >= one.credit/4 && one.conn != nil {
		key := string(wire.AppendCredit(nil, one.number, uint64(one.owed)))
		one.owed = 0
		one.tell(one.conn, &wire.Request{Kind: wire.RequestCredit, Key: key})
	}
}

// tell sends a request whose answer nobody waits for.
func (one *watching) tell(conn *wires.Conn, req *wire.Request) {
	conn.Send(1, one.c.w.requestBytes(req), func() {
		if r, from := serving(conn); r != nil {
			r.take(req, from, func(wire.Reply) {})
		}
	})
}

// abandon has a server end the watch.
func (one *watching) abandon(conn *wires.Conn) {
	one.tell(conn, &wire.Request{Kind: wire.RequestUnwatch, Position: one.number})
}

// lost goes on at another server.
func (one *watching) lost() {
	one.events.End()
	one.drain()
	one.conn = nil
	one.c.w.counts.WatchFailOvers++
	one.begin()
}

// lags is the end of a watch whose next changes are not kept any more.
func (one *watching) lags() {
	one.c.w.counts.WatchesLagged++
	one.conn = nil
	one.end()
}

// end ends the watch.
func (one *watching) end() {
	if one.over {
		return
	}
	if one.conn != nil {
		one.abandon(one.conn)
	}
	one.over, one.conn = true, nil
	if one.check != nil {
		one.check.Stop()
	}
	one.c.watchings = slices.DeleteFunc(one.c.watchings, func(other *watching) bool { return other == one })
}

// waits reports whether changes have not come yet that the watch is due.
func (one *watching) waits() bool { return one.conn == nil || one.check != nil && one.check.Behind() }
