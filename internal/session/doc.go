// Package session decides what a client of a group does: which number a write
// carries, which position a read requires, what a reply or a missing reply means,
// and when and where to retry. It is pure: no I/O, no clock, no randomness, no lock.
// Package driver runs it over connections, and the simulation runs the same decisions
// in virtual time.
//
// # What a client is
//
// A client has a [Session], the position that it has seen, and any number of
// operations at a time. Each [Operation] is retried until it is answered or its
// caller's time is up. An operation has one attempt under way at a time, at one node.
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
// Every operation runs this loop. While it waits for the node or pauses, other
// operations of the client continue.
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
// If a caller's time is up while an attempt is under way, it gives the attempt up with
// NoReply(false): the request may still arrive. An old copy of a command that was
// retried at another node may arrive late too. The group executes each number once, and
// none below the floor.
//
// # Asynchronous writes
//
// A client that does not wait for the outcome of its writes has a [Stream] of them. It
// sends them in order and in batches over one connection, without waiting in between. If
// one of them fails, it begins another run: it sends all writes that have no answer again,
// in order. Each write names the write before it and is executed only after that one, even
// if messages are lost, refused or late. The Stream also bounds how many writes may be
// outstanding.
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
// If a connection breaks, call Lost for each write that was handed to it and has no answer.
// As long as the stream is not empty, the session's reads wait for Awaited, and its other
// writes go through the stream. Tick gives up a write whose time is up, and all older
// writes.
//
// # Updates
//
// A [Tx] is one attempt at a transaction whose function decides what it writes by what it
// reads. It keeps all reads at one position, shows them with the function's own writes, and
// makes one command of them that has all that was read as its conditions. [TxScan] merges what
// servers have of a range with what was written. [Update] decides what becomes of an attempt:
// whether the function runs again, after which pause, and when it waits for its turn.
//
//	var update session.Update
//	for {
//		var tx session.Tx
//		run the function: each read is a page of tx.Get or tx.Scan, which tx.Paged takes
//		txn := tx.Commit()
//		run an operation of kind Write with it, as any other
//		switch outcome, changed := update.Ended(&txn, &reply, done, op.Unknown()); outcome {
//		case session.Committed, session.Failed:
//			return
//		}
//		wait for update.Pause(random)
//	}
//
// # Servers
//
// A client stays with one server while that is well. [Servers] knows which it is and which
// failed lately, and puts those to be tried first in front. A [Race] tries them: each has a
// head start, and then the next one is tried beside it; a search for other servers goes on
// meanwhile. [Binding] says which connections are of use, and [Pace] when the next one may
// be made.
//
// # Upkeep
//
// The group forgets a session that sends nothing for its time to live. So the client
// calls [Session.Renew] several times within that time, runs the operation, and calls
// [Session.End]. If the group has forgotten the session, the next write reports it. To
// close a session, call [Session.Close] and run the operation.
//
// # Generations
//
// A Session and its position belong to one generation of one group. If a client
// connects to another generation, one operation returns an error, unless the client
// has seen nothing yet (position 0, and [Session.Blank]). The client then begins with
// a new Session at position 0.
package session
