// Package member decides everything that one incarnation of a node decides in one
// generation of its group: the order of a turn, the store and the commands under way,
// reads that wait, the lease, ticks and audits, heartbeats and directives, the transfer
// of state to and from other nodes, and how the node leaves.
//
// It does no I/O, starts no goroutine, takes no lock, and reads only the clock that its
// host hands in. Packages server and internal/sim are its two hosts, so the simulation
// runs the code that ships.
//
// # Turns
//
// A Member belongs to one goroutine at a time, the owner of the turn. Work waits in an
// [Inbox]; a turn completes it:
//
//	m := member.New(cfg)
//	in.Call(func(m *member.Member) { m.Start(first) }) // the first directive
//	for {
//		in := ...                       // the work that has arrived
//		released, err := m.Turn(in)     // calls Links, Host and the Waiters
//		if err != nil {
//			m.End(rest)             // answers everything that waits
//			break
//		}
//	}
//
// Call the methods of a Member only within a turn, from [Inbox.Call], with these
// exceptions. The owner may call Reader and Deliveries before the first turn and between
// turns, End and Successor after the last turn, and Outcome within [Host].Delivered. Other
// goroutines use the [Reader].
//
// The owner calls the methods of [Links], [Host] and [Waiter] within a turn. They must not
// block, and must not call any method of the Member but Outcome.
//
// # Time
//
// A turn reads the clock when it acts. The host calls Fire when a [Timer] that was
// requested ends. To judge a lease, the member always reads the clocks again: a process
// that was stopped within a turn finds that its lease has expired.
//
// # Joining
//
// A joiner asks its host to run a [Transfer]. The host dials the donor and passes what it
// reads to the Transfer, outside of turns. [Member.Take] takes it over within a turn. At
// the other end, [Member.Donate] makes a [Donor], which returns what to write next.
package member
