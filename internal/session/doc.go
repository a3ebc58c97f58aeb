// Package session decides what a client of a group does: which number a write
// carries, which position a read asks for, what to do with a reply, or with the
// lack of one, and when to try again where. It is pure: no I/O, no clock, no
// randomness, no lock. Package driver runs it over connections, and a simulation
// runs the same decisions over virtual time.
//
// # What a client is
//
// A [Session] with the position that it has seen beside it, and any number of
// operations at a time. Each [Operation] is tried until it is answered or its
// caller's time is up; one attempt is under way at a time, at one node.
//
//	type client struct {
//		seen    uint64          // raised by answers, never lowered
//		session session.Session // under a lock, if there are several goroutines
//	}
//
//	func (c *client) write(command wire.Command) (wire.Reply, error) {
//		op := session.Operation{Kind: session.Write}
//		switch c.session.Begin(&op) { // reads need not begin or end
//		case session.Lost:
//			return wire.Reply{}, errSessionExpired
//		case session.Unopened:
//			// Run an operation of kind Open with wire.OpOpenSession, one at a
//			// time; then c.session.Opened(reply.Position) and Begin again, with
//			// nothing in between.
//		}
//		reply, err := c.run(&op, &command)
//		c.session.End(&op)
//		return reply, err
//	}
//
// # The loop
//
// This is the life of every operation. Wherever it waits, for the node or in a
// pause, other operations of the client go on.
//
//	func (c *client) run(op *session.Operation, command *wire.Command) (wire.Reply, error) {
//		node := c.server
//		for {
//			if time is up {
//				return wire.Reply{}, c.givenUp(op)
//			}
//			position := op.Attempt(c.seen)
//			if op.Kind == session.Write {
//				c.session.Number(op, command) // the same number each time, the newest floor
//			}
//			send (position, *command), or (position, key) of a read, to node; wait
//
//			var verdict session.Verdict
//			if there was a reply {
//				verdict = op.Reply(&reply)
//			} else {
//				verdict = op.NoReply(notSent) // refused, connection lost, silent, or time is up
//			}
//			switch verdict {
//			case session.Answered:
//				c.seen = session.Raise(c.seen, reply.Position)
//				return reply, nil
//			case session.Declined:
//				return reply, nil // an error without effect: its Status says which
//			case session.Expired:
//				c.session.Told(op)
//				return wire.Reply{}, errSessionExpired // and of unknown outcome if op.Unknown()
//			case session.Superseded:
//				return wire.Reply{}, errOutcomeUnknown
//			}
//			if verdict.Elsewhere() {
//				node = another one, if there is one
//			}
//			wait for op.Pause(random), or until time is up
//		}
//	}
//
//	func (c *client) givenUp(op *session.Operation) error {
//		if op.Unknown() {
//			return errOutcomeUnknown // it may have been executed, or may yet be
//		}
//		return errUnavailable // a write was not executed, and never will be
//	}
//
// A caller whose time is up while an attempt is under way gives it up with
// NoReply(false): its request may still arrive. So may the first copy of a
// command that has been tried again long since, at another node; the group
// executes a number once, and none below the floor.
//
// # Asynchronous writes
//
// A client that does not wait for the outcome of its writes has a [Stream] of them. It
// sends them in order, in batches, down one connection, without waiting in between, and
// whatever goes wrong with one of them, it sends all again that have no answer, in order:
// that is another run. Each write names the one before it, so that none is executed
// before it, whatever gets lost, is refused, or comes late. The Stream has the bound of
// what may be outstanding, too.
//
//	type run struct { // an attempt at the writes, on a connection
//		session.Run
//		conn connection
//	}
//
//	type client struct { // besides; under the session's lock
//		stream session.Stream[*future, *run]
//	}
//
//	func (c *client) writeAsync(f *future) {
//		switch c.stream.Issue(&f.op, f, len(f.value), most) {
//		case session.Full:
//			wait until c.stream.Roomy(most), and again
//		case session.Unopened, session.Lost:
//			as above
//		}
//		if c.stream.Woken() { wake the sender }
//	}
//
//	func (c *client) sender() {
//		for {
//			idle, blamed, suspect := c.stream.Release(nil) // give back, and go elsewhere
//			switch step, pause := c.stream.Step(); step {
//			case session.Park:
//				wait to be woken
//			case session.Rest:
//				wait for the pause
//			case session.Send:
//				r, ok := c.stream.Present(func(r *run) bool { return r.conn takes writes })
//				if !ok {
//					r = &run{conn: one to c.server}
//					c.stream.Begin(r)
//				}
//				c.stream.Batch(r, func(ordinal uint64, op *session.Operation, f *future) {
//					c.session.Number(op, &f.command)
//					hand (ordinal, f.command) to r.conn; NotTaken if that has no room
//				})
//			}
//		}
//	}
//
//	func (c *client) replied(r *run, ordinal uint64, reply *wire.Reply) {
//		op, f, verdict, ended := c.stream.Settle(r, ordinal, reply)
//		c.seen = session.Raise(c.seen, c.stream.Settled(r, random)) // after one reply or several
//		if ended { f has its answer, as any other write }
//		if c.stream.Woken() { wake the sender }
//	}
//
// A connection that breaks is, for each write that was handed to it and has no answer,
// Lost. As long as the stream is not empty, the session's reads wait for what it has
// Awaited, and its other writes go through it. A write whose time is up is given up by
// Tick, with all that are older.
//
// # Upkeep
//
// The group forgets a session from which it hears nothing for its time to live.
// So, several times within that, a client renews the session that is Due, with an
// operation of kind Upkeep (wire.OpRenewSession). If it is answered with
// wire.StatusSessionExpired, [Session.Expired] notes it, and the next write is
// told. A closed session is ended by [Session.Close] and one more operation of
// kind Upkeep (wire.OpCloseSession).
//
// # Generations
//
// A Session and its position belong to one generation of one group. A client
// that finds itself connected to another tells so, to one operation, unless it
// had seen nothing (a position of 0, and [Session.Blank]), and begins with a new
// Session at position 0.
package session
