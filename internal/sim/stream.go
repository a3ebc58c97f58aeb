package sim

import (
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// This file follows driver/stream.go and driver/pump.go: a change there needs the
// same here.

// clientStream has a client's asynchronous writes sent, in order, over one
// connection after the other.
type clientStream struct {
	pipeline session.Pipeline[*operation]
	conn     *wires.Conn // of the present run
	pausing  bool
}

// beginAsync issues some writes in a row, as far as they may be outstanding.
func (c *client) beginAsync() {
	w := c.w
	if !chance(w.users, w.traits.async) {
		return
	}
	for range 1 + w.users.IntN(w.traits.burst) {
		if c.underWay(true) >= w.traits.outstanding {
			return
		}
		op := &operation{c: c, begun: w.Now, generation: c.bound, async: true, command: c.command()}
		op.Kind, op.key = session.Write, op.command.Key
		c.enter(op)
	}
}

// number numbers a write. As long as asynchronous writes are outstanding, all go
// with them.
func (op *operation) number() session.Readiness {
	c := op.c
	op.piped = op.async || c.stream.pipeline.Open() > 0
	if op.piped {
		return c.session.BeginAsync(&op.Operation)
	}
	return c.session.Begin(&op.Operation)
}

// waitsForStream has a read wait for the session's asynchronous writes, if there
// are any.
func (op *operation) waitsForStream() bool {
	if op.Kind != session.Get || op.waited {
		return false
	}
	op.waited, op.behind = true, op.c.issued
	awaited, ok := op.c.stream.pipeline.Awaited()
	if ok {
		awaited.waiters = append(awaited.waiters, op)
	}
	return ok
}

// issue takes a write that is numbered.
func (c *client) issue(op *operation) {
	c.stream.pipeline.Issue(&op.Operation, op)
	if n := c.stream.pipeline.Open(); n > c.w.traits.outstanding+c.w.traits.depth {
		c.w.fail("model: %s has %d writes outstanding, and may have %d", c, n, c.w.traits.outstanding+c.w.traits.depth)
	}
	c.issued.session, c.issued.seq = op.Numbered()
	c.pump()
}

// pump sends what there is to be sent.
func (c *client) pump() {
	s := &c.stream
	if s.pausing || !s.pipeline.Unsent() {
		return
	}
	if c.conn == nil {
		c.connect()
		return
	}
	c.bind(nil)
	if s.conn != c.conn {
		if s.conn != nil {
			s.pipeline.Again(s.pipeline.Run())
		}
		s.conn = c.conn
	}
	for {
		ordinal, _, op, ok := s.pipeline.Next()
		if !ok {
			return
		}
		c.send(s.pipeline.Run(), ordinal, op)
	}
}

// send sends a write of a run, and waits for so long.
func (c *client) send(run, ordinal uint64, op *operation) {
	w, conn := c.w, c.conn
	if op.Attempts() > 1 {
		w.counts.Retries++
	}
	c.session.Number(&op.Operation, &op.command)
	req := &wire.Request{ID: uint64(op.Attempts()), Kind: wire.RequestWrite, Command: op.command, RawCommand: op.command.Append(nil)}
	op.on, op.sent, op.attempts = conn, req, op.Attempts()
	w.trace("%s asks %s in run %d: %s", c, conn.Ends[1].Owner, run, op)
	conn.Send(1, func() {
		r, from := serving(conn)
		if r == nil {
			return
		}
		r.take(req, from, func(reply wire.Reply) {
			conn.Send(0, func() { c.replied(run, ordinal, reply, conn) })
		})
	})
	w.After(w.traits.patience, func() {
		if _, still, ok := c.stream.pipeline.Find(ordinal); ok && still == op && run == c.stream.pipeline.Run() {
			c.again(run, conn, true)
		}
	})
}

// replied takes the reply to a write of a run.
func (c *client) replied(run, ordinal uint64, reply wire.Reply, on *wires.Conn) {
	pipeline := &c.stream.pipeline
	op, write, verdict := pipeline.Reply(run, ordinal, &reply)
	if op == nil || write.generation != c.bound || c.w.bound[on].generation != c.bound {
		return
	}
	if !verdict.Final() {
		c.w.trace("%s: %s: verdict %d status %d", c, write, verdict, reply.Status)
		if run == pipeline.Run() {
			write.on = nil // it has its answer: no copy of it is under way
		}
		c.again(run, on, verdict.Elsewhere())
		return
	}
	pipeline.End(ordinal)
	if verdict == session.Answered {
		c.w.counts.Async++
	}
	write.on = on
	write.judge(verdict, reply)
}

// broken ends the run on a connection that broke.
func (c *client) broken(on *wires.Conn) {
	if c.stream.conn == on {
		c.again(c.stream.pipeline.Run(), on, true)
	}
}

// again begins another run unless that has been done.
func (c *client) again(run uint64, on *wires.Conn, elsewhere bool) {
	s, w := &c.stream, c.w
	if !s.pipeline.Again(run) {
		return
	}
	for _, op := range s.pipeline.AppendOpen(nil) {
		op.arriveLate()
		op.on = nil
	}
	s.conn = nil
	if elsewhere {
		c.fail(on)
	}
	s.pausing = true
	w.After(s.pipeline.Pause(w.users.Float64()), func() {
		s.pausing = false
		c.pump()
	})
}

// giveUp ends a write whose time is up, and so that of all that are older.
func (c *client) giveUp(last *operation) {
	for {
		_, op := c.stream.pipeline.GiveUp()
		op.arriveLate()
		op.lost = op.Unknown()
		op.finish()
		if op == last {
			return
		}
	}
}

// estrange ends the writes of a generation that is gone.
func (c *client) estrange() {
	var gone []*operation
	for c.stream.pipeline.Open() > 0 {
		_, op := c.stream.pipeline.GiveUp()
		gone = append(gone, op)
	}
	for _, op := range gone {
		op.estranged()
	}
}
