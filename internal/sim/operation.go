package sim

import (
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// operation is one call of a client, with all its attempts.
type operation struct {
	session.Operation
	c        *client
	strong   bool
	key      string
	command  wire.Command
	state    *clientState
	begun    time.Duration
	ended    time.Duration
	over     bool
	lost     bool // of unknown outcome
	numbered bool
	async    bool         // its caller does not wait
	piped    bool         // through the client's stream
	behind   numbered     // the last of those that were issued before it, of a read
	waited   bool         // a read, once it has seen to that it sees those
	waiters  []*operation // reads that wait for it
	refused  int          // attempts that a node has refused
	on       *wires.Conn
	sent     *wire.Request // with the latest attempt
	reply    wire.Reply
	teller   *replica      // who gave the last reply
	then     func(ok bool) // of what the client does for itself
	after    func()        // of an operation that was recorded

	// Of what is no write and no read of a variable:
	asks     func(*wire.Request) // makes it the request
	takes    func(*wire.Reply)   // looks at each reply first
	watching *watching           // that it is to begin; nil: none
}

// begin starts a random operation.
func (c *client) begin() {
	w := c.w
	op := &operation{c: c, begun: w.Now, state: c.state}
	if c.program.Float64() < w.traits.reads {
		op.Kind = session.Get
		if op.key, _ = c.key(); chance(c.txns, w.traits.txns) {
			op.key = c.txnKey()
		}
		if chance(c.ttls, w.traits.ttls) {
			op.key = c.ttlKey()
		}
		if chance(c.owns, c.w.traits.owns/2) {
			op.key = ownName(c.owns.IntN(ownKeys))
		}
		op.strong = chance(c.program, w.traits.strong)
	} else {
		op.Kind = session.Write
		op.command = c.command()
		op.key = op.command.Key
	}
	c.enter(op)
}

// enter starts an operation, which may be given up early.
func (c *client) enter(op *operation) {
	w := c.w
	c.active = append(c.active, op)
	if chance(c.random, w.traits.hasty) && !w.healed {
		w.After(upTo(c.random, w.traits.patience), op.giveUp)
	}
	op.start()
}

// start makes the first attempt, once the session is open.
func (op *operation) start() {
	if op.over || op.waitsForStream() {
		return
	}
	if op.Kind == session.Write && !op.numbered {
		op.state = op.c.state
		switch op.number() {
		case session.Ready:
			op.numbered = true
			if op.piped {
				op.c.issue(op)
				return
			}
		case session.Full:
			op.c.roomless = append(op.c.roomless, op)
			return
		case session.Lost:
			op.c.w.counts.Lost++
			op.finish()
			return
		case session.Unopened:
			op.c.unopened = append(op.c.unopened, op)
			op.c.open()
			return
		}
	}
	op.attempt()
}

// open opens the session in the group, by one operation at a time.
func (c *client) open() {
	if c.opening {
		return
	}
	c.opening = true
	op := &operation{c: c, begun: c.w.Now, state: c.state, command: c.openOwn()}
	op.Kind = session.Open
	op.then = func(ok bool) {
		c.opening = false
		if ok && op.reply.Status == wire.StatusOK {
			c.w.once("session", op.reply.Position, op.state.bound)
			op.state.session.Opened(op.reply.Position)
		}
		c.plainOnly = op.reply.Status == wire.StatusUnsupported
		if op.reply.Status == wire.StatusTooManySessions && len(c.unopened) > 0 {
			c.unopened[0].finish() // its caller is told; the others try for themselves
		}
		c.begun()
	}
	c.active = append(c.active, op)
	op.attempt()
}

// begun goes on with the operations that wait for a session.
func (c *client) begun() {
	waiting := c.unopened
	c.unopened = nil
	for _, op := range waiting {
		op.start()
	}
}

// renew keeps the session alive.
func (c *client) renew() {
	w := c.w
	if w.draining {
		return
	}
	w.After(w.traits.sessionTTL/3, c.renew)
	op := &operation{c: c, begun: w.Now, state: c.state, then: func(bool) { c.renewing = false }}
	var due bool
	if op.command, due = c.state.session.Renew(&op.Operation); !due || c.renewing {
		return
	}
	c.renewing = true
	c.active = append(c.active, op)
	op.attempt()
}

// attempt asks a node.
func (op *operation) attempt() {
	c := op.c
	if op.over {
		return
	}
	if c.conn == nil {
		c.waiting = append(c.waiting, op)
		c.connect()
		return
	}
	c.bind()
	if op.state != c.state && !op.Moves(op.state.blank()) {
		op.unanswered()
		return
	}
	if op.watching != nil && op.watching.useless(c.info) {
		op.unanswered()
		return
	}
	op.state = c.state
	req := &wire.Request{Kind: wire.RequestGet, Position: op.Attempt(op.state.seen), Key: op.key}
	if req.ID = uint64(op.Attempts()); req.ID > 1 {
		c.w.counts.Retries++
	}
	switch {
	case op.Kind != session.Get:
		if op.Kind == session.Write {
			op.state.session.Number(&op.Operation, &op.command)
		}
		req.Kind, req.Command, req.RawCommand = wire.RequestWrite, op.command, op.command.Append(nil)
	case op.strong:
		req.Kind = wire.RequestGetStrong
	case op.asks != nil:
		op.asks(req)
	}
	op.send(req)
}

// send sends a request, and waits for so long.
func (op *operation) send(req *wire.Request) {
	conn, number := op.c.conn, op.Attempts()
	op.on, op.sent = conn, req
	waits := func() bool { return !op.over && op.Attempts() == number && op.on == conn }
	op.c.ask(conn, op, func(reply wire.Reply) {
		if waits() {
			op.replied(reply)
		}
	}, func() {
		if waits() {
			op.noReply(false)
		}
	})
}

// ask sends an operation's request on a connection. It calls replied when there is a
// reply, and silent once the node has been silent for too long, in any case.
func (c *client) ask(conn *wires.Conn, op *operation, replied func(wire.Reply), silent func()) {
	req := op.sent
	c.w.trace("%s asks %s: %s", c, conn.Ends[1].Owner, op)
	conn.Send(1, c.w.requestBytes(req), func() {
		if r, from := serving(conn); r != nil {
			r.take(req, from, func(reply wire.Reply) {
				if reply.Status == wire.StatusNotOwner {
					c.w.fail("owner: %s is refused %s in a session of its own, %d", c, op, req.Command.Session)
				}
				conn.Send(0, c.w.replyBytes(&reply), func() { replied(reply) })
			})
		}
	})
	c.w.hold(conn, silent)
}

// hold calls silent once a connection's node says nothing any more: after the patience of an
// attempt. When faults have stopped the node answers pings as long as it serves, however long
// the reply takes. One whose memory was damaged may have lost it.
func (w *world) hold(conn *wires.Conn, silent func()) {
	w.After(w.traits.patience, func() {
		if r, _ := serving(conn); w.healed && r != nil && r.reader.Serves() && !r.damage.ever && !conn.Ends[0].Closed {
			w.hold(conn, silent)
			return
		}
		silent()
	})
}

// serving is the replica that a client's connection belongs to, and its end of that; nil
// once it has ended.
func serving(c *wires.Conn) (*replica, *clientConn) {
	if r := c.Ends[1].Owner.(*process).current; r != nil && !r.over {
		for _, from := range r.clients {
			if from.conn == c {
				return r, from
			}
		}
	}
	return nil, nil
}

func (op *operation) replied(reply wire.Reply) {
	if op.takes != nil {
		op.takes(&reply)
	}
	if reply.Status == wire.StatusUnavailable {
		op.refused++
	}
	op.judge(op.Reply(&reply), reply)
}

// arriveLate has an attempt that nobody waits for any more reach its node after
// all, at the incarnation that it was sent to.
func (op *operation) arriveLate() {
	w, req := op.c.w, op.sent
	if op.on == nil || w.healed || !chance(op.c.random, w.traits.copies) || w.options.Without.Has(LateRequest) {
		return
	}
	r := w.bound[op.on]
	if r == nil || req.Kind != wire.RequestWrite {
		return
	}
	w.counts.Faults[LateRequest]++
	from := &clientConn{account: member.Account{Lock: op.c.lock()}} // it has shown its secret before
	w.After(upTo(op.c.random, 2*w.traits.detection), func() { r.p.Do(func() { r.take(req, from, func(wire.Reply) {}) }) })
}

func (op *operation) noReply(notSent bool) {
	if !notSent {
		op.arriveLate()
	}
	op.judge(op.NoReply(notSent), wire.Reply{})
}

// judge does what the verdict asks for.
func (op *operation) judge(v session.Verdict, reply wire.Reply) {
	if op.over {
		return
	}
	c, w := op.c, op.c.w
	on := op.on
	if on != nil {
		op.teller = w.bound[on]
	}
	op.on = nil
	w.trace("%s: %s: verdict %d status %d position %d version %d", c, op, v, reply.Status, reply.Position, reply.Version)
	if !v.Final() {
		if v.Elsewhere() {
			c.fail(on)
		}
		w.After(op.Pause(c.random.Float64()), op.attempt)
		return
	}
	if v == session.Answered {
		w.counts.Operations++
		o := w.order(op.state.bound)
		o.told = session.Raise(o.told, reply.Position)
		if !op.piped {
			op.state.seen = session.Raise(op.state.seen, reply.Position)
		}
	}
	if v == session.Expired {
		w.counts.Lost++
	} else {
		op.reply = reply
	}
	op.lost = v == session.Superseded || v == session.Expired && op.Unknown()
	op.finish()
}

// giveUp is the end of the caller's time. A write that is in the stream stays there, and
// its caller, if it waits, is not told what becomes of it.
func (op *operation) giveUp() {
	switch {
	case op.over:
	case !op.piped || !op.numbered:
		if op.on != nil {
			op.NoReply(false)
			op.arriveLate()
		}
		op.unanswered()
	case !op.async:
		op.lost = true
		op.finish()
	}
}

// unanswered ends an operation that gets no answer: its time is up, or its generation gone.
func (op *operation) unanswered() {
	if op.over {
		return
	}
	op.lost = op.Unknown()
	if op.lost && !op.piped && op.refused == op.Attempts() {
		op.c.w.fail("outcome: %s: %s was refused each time, and its caller is told that its outcome is unknown", op.c, op)
	}
	op.finish()
}

// finish ends the operation.
func (op *operation) finish() {
	c := op.c
	op.over, op.ended = true, c.w.Now
	c.active = slices.DeleteFunc(c.active, func(o *operation) bool { return o == op })
	c.waiting = slices.DeleteFunc(c.waiting, func(o *operation) bool { return o == op })
	c.unopened = slices.DeleteFunc(c.unopened, func(o *operation) bool { return o == op })
	c.roomless = slices.DeleteFunc(c.roomless, func(o *operation) bool { return o == op })
	answered := op.answered()
	if !op.piped {
		op.state.session.End(&op.Operation)
	}
	if op.then != nil {
		op.then(answered || op.reply.Status == wire.StatusSessionExpired)
		return
	}
	if op.lost {
		c.w.counts.Unknown++
	} else if !answered {
		c.w.counts.GivenUp++
	}
	if op.lost || answered {
		c.version = op.reply.Version
	}
	op.record()
	if op.after != nil {
		op.after()
	}
}

// numbered names a write.
type numbered struct{ session, seq uint64 }
