// Package check holds what clients were told by a group, and what its nodes
// delivered, against the promises of the memory. It is pure: it is fed events
// and tells violations. dsmbench and the simulation of groups (internal/sim) feed it.
//
// A [Checker] takes the deliveries of every node's stream, each in its order,
// and the operations of clients in the order in which they ended:
//
//	c := check.New(check.Options{})
//	c.Deliver("n1", &delivery)  // in any order between streams
//	c.Complete(&op)             // in the order of op.End
//	c.Advance(minStart, floor)  // lets go of what no later event can need
//	c.EndStream("n2")           // a node left or died: a prefix is enough
//	w := c.Watch("w1", "a", "b", false, position) // then w.Event(&event), w.Stop()
//	c.Scan(&scan)
//	results := c.Finish(end)    // the last position that anyone was told
//
// Seven checks, each in a file of its own, share the work:
//
//   - [TotalOrder]: every node delivered the same messages at the same positions.
//   - [Agreement]: each acknowledged write is there once, nothing else is.
//   - [SessionOrder]: positions never go back in a session.
//   - [Reads]: each read returned the last write at or before its position; what
//     conditional writes and counters saw is held against the order alike. Variables
//     with a TTL expire by the ticks of the order, and so do sessions with one, and with
//     them the variables that they own.
//   - [StrongReads]: none reflects less than was acknowledged before it began.
//   - [Freshness]: no plain read reflects less than was acknowledged a lease before.
//   - [Convergence]: equal digests.
//
// With Options.Scans and Options.Watches there are two more:
//
//   - [Watches]: each watch returned all changes of its range, expiries too, once, in
//     order.
//   - [Scans]: each scan showed the state at one position, and each count its size.
//
// All of it takes near-linear time and bounded memory. Messages are kept as
// hashes of their payload until every live node has delivered them, values as
// hashes for the positions that a read can still report. Hashes are 64 bits of
// xxh3, which finds mistakes but not a forger. An event that comes too late to
// be held against anything is counted as unchecked, and a run with such an
// event has not passed.
package check
