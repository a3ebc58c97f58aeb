package sim

import (
	"slices"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// attempt is a run of a client's asynchronous writes on a connection.
type attempt struct {
	session.Run
	conn    *wires.Conn
	under   []flight // writes whose outcome the connection has yet to give
	arrived []flight // that have one, and are settled together
}

// flight is a write under way in a run.
type flight struct {
	ordinal uint64
	op      *operation
	reply   wire.Reply
}

// beginAsync issues some writes in a row, until its goroutines are blocked.
func (c *client) beginAsync() {
	w := c.w
	if !chance(c.program, w.traits.async) {
		return
	}
	for range 1 + c.program.IntN(w.traits.burst) {
		if c.underWay(true) >= 2*w.traits.outstanding {
			return
		}
		op := &operation{c: c, begun: w.Now, state: c.state, async: true, command: c.command()}
		op.Kind, op.key = session.Write, op.command.Key
		c.enter(op)
	}
}

// number numbers a write. As long as asynchronous writes are outstanding, all go
// with them.
func (op *operation) number() session.Readiness {
	c := op.c
	op.piped = op.async || c.stream.Open() > 0
	if !op.piped {
		return op.state.session.Begin(&op.Operation)
	}
	return c.stream.Issue(&op.Operation, op, len(op.command.Value), c.w.traits.outstanding)
}

// waitsForStream has a read wait for the session's asynchronous writes, if there
// are any.
func (op *operation) waitsForStream() bool {
	if op.Kind != session.Get || op.waited {
		return false
	}
	op.waited, op.behind = true, op.c.issued
	awaited, ok := op.c.stream.Awaited()
	if ok {
		awaited.waiters = append(awaited.waiters, op)
	}
	return ok
}

// issue goes on with a write that the stream has taken.
func (c *client) issue(op *operation) {
	if n, most := c.stream.Open(), c.w.traits.outstanding; n > most {
		c.w.fail("bound: %s has %d writes outstanding, and may have %d", c, n, most)
	}
	c.issued.session, c.issued.seq = op.Numbered()
	if !c.ticking {
		c.ticking = true
		c.w.After(c.w.traits.asyncTime/session.TicksPerTimeout, c.expire)
	}
	c.wake()
}

// wake has the pump go on if it waits and has something to do.
func (c *client) wake() {
	if c.stream.Woken() {
		c.pump()
	}
}

// pump sends what there is to be sent, until it has to wait: to be woken, for a pause,
// or for a connection.
func (c *client) pump() {
	s := &c.stream
	for {
		idle, blamed, suspect := s.Release(nil)
		if suspect {
			c.fail(blamed.conn)
		}
		for _, a := range idle {
			if len(a.under) > 0 {
				c.w.fail("model: %s gives back a connection on which %d writes are under way", c, len(a.under))
			}
		}
		c.attempts = slices.DeleteFunc(c.attempts, func(a *attempt) bool { return slices.Contains(idle, a) })
		switch step, pause := s.Step(); step {
		case session.Park:
			return
		case session.Rest:
			c.w.After(pause, c.pump)
			return
		}
		a, ok := s.Present(func(a *attempt) bool { return a.conn == c.conn })
		if !ok {
			if c.conn == nil {
				c.pumpWaits = true
				c.connect()
				return
			}
			c.bind()
			a = &attempt{conn: c.conn}
			c.attempts = append(c.attempts, a)
			s.Begin(a)
		}
		c.submit(a)
	}
}

// submit hands the next batch of a run to its connection, which may have no room.
func (c *client) submit(a *attempt) {
	var batch []flight
	c.stream.Batch(a, func(ordinal uint64, op *session.Operation, write *operation) {
		if op.Attempts() > 1 {
			c.w.counts.Retries++
		}
		c.state.session.Number(op, &write.command)
		batch = append(batch, flight{ordinal: ordinal, op: write})
	})
	taken := min(len(batch), max(c.w.traits.room-len(a.under), 0))
	for _, f := range batch[:taken] {
		c.send(a, f)
	}
	if taken < len(batch) {
		c.w.counts.NoRoom++
		c.stream.NotTaken(a, batch[taken].ordinal, len(batch)-taken, false, c.random.Float64())
	}
}

// send sends a write of a run.
func (c *client) send(a *attempt, f flight) {
	op := f.op
	op.on = a.conn
	op.sent = &wire.Request{ID: uint64(op.Attempts()), Kind: wire.RequestWrite, Command: op.command, RawCommand: op.command.Append(nil)}
	a.under = append(a.under, f)
	c.ask(a.conn, op, func(reply wire.Reply) {
		f.reply = reply
		c.arrived(a, f)
	}, func() {
		if a.has(f) {
			c.lost(a)
		}
	})
}

func (a *attempt) has(f flight) bool {
	return slices.ContainsFunc(a.under, func(other flight) bool { return other.ordinal == f.ordinal })
}

// arrived takes the reply to a write of a run. Replies that come at about the same time
// are settled together.
func (c *client) arrived(a *attempt, f flight) {
	if !a.has(f) {
		return // its connection was given up meanwhile
	}
	a.under = slices.DeleteFunc(a.under, func(other flight) bool { return other.ordinal == f.ordinal })
	a.arrived = append(a.arrived, f)
	if len(a.arrived) == 1 {
		c.w.After(upTo(c.random, c.w.traits.latency), func() { c.settle(a) })
	}
}

// settle settles the replies that have arrived.
func (c *client) settle(a *attempt) {
	arrived, ended := a.arrived, make([]session.Verdict, len(a.arrived))
	a.arrived = nil
	for i := range arrived {
		f := &arrived[i]
		op, _, verdict, over := c.stream.Settle(a, f.ordinal, &f.reply)
		ended[i] = verdict
		if op == nil || !over {
			c.w.trace("%s: %s: verdict %d status %d", c, f.op, verdict, f.reply.Status)
			if f.op.on == a.conn {
				f.op.on = nil // it has its answer: no copy of it is under way
			}
			f.op = nil
		}
	}
	c.state.seen = session.Raise(c.state.seen, c.stream.Settled(a, c.random.Float64()))
	for i, f := range arrived {
		if f.op == nil {
			continue
		}
		if ended[i] == session.Answered {
			c.w.counts.Async++
			if c.state.seen < f.reply.Position {
				c.w.fail("session: %s: %s is answered from %d, and its session has seen %d", c, f.op, f.reply.Position, c.state.seen)
			}
		}
		f.op.on = a.conn
		f.op.judge(ended[i], f.reply)
		f.op.left()
	}
	c.proceed()
}

// lost takes the end of a run's connection, or that it says nothing any more.
func (c *client) lost(a *attempt) {
	if len(a.under) == 0 {
		return
	}
	under := a.under
	a.under = nil
	for _, f := range under {
		f.op.arriveLate()
		f.op.on = nil
		c.stream.Lost(a, f.ordinal, false)
	}
	c.state.seen = session.Raise(c.state.seen, c.stream.Settled(a, c.random.Float64()))
	c.proceed()
}

// proceed goes on with what waits for the stream.
func (c *client) proceed() {
	if c.stream.Roomy(c.w.traits.outstanding) {
		waiting := c.roomless
		c.roomless = nil
		for _, op := range waiting {
			op.start()
		}
	}
	c.wake()
}

// expire gives up the writes whose time is up.
func (c *client) expire() {
	c.ticking = false
	var gone []*operation
	c.stream.Tick(func(_ *session.Operation, op *operation) { gone = append(gone, op) })
	for _, op := range gone {
		c.w.counts.LateAsync++
		op.arriveLate()
		op.unanswered()
		op.left()
	}
	if c.stream.Open() > 0 && !c.ticking {
		c.ticking = true
		c.w.After(c.w.traits.asyncTime/session.TicksPerTimeout, c.expire)
	}
	c.proceed()
}

// estrange ends the writes of a generation that is gone.
func (c *client) estrange() {
	var gone []*operation
	c.stream.GiveUp(func(_ *session.Operation, op *operation) { gone = append(gone, op) })
	for _, op := range gone {
		op.unanswered()
		op.left()
	}
}

// left goes on with the reads that wait for a write which has left the stream.
func (op *operation) left() {
	waiters := op.waiters
	op.waiters = nil
	for _, read := range waiters {
		read.start()
	}
}
