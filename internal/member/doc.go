// Package member is what one incarnation of a node decides in one generation of its
// group: the order of its turns, its store and the commands under way, reads that wait,
// its lease, ticks and audits, heartbeats and directives, what it loads from whom and
// gives to whom, and how it leaves.
//
// It does no I/O, starts no goroutine, takes no lock and reads no clock but the one that
// it is given. Packages server and internal/sim are its two hosts: what ships is what is
// simulated.
//
// # Turns
//
// A Member belongs to one goroutine at a time, the owner of the turn. Work waits in an
// [Inbox]; a turn works it off:
//
//	m := member.New(cfg)
//	in.Call(func(m *member.Member) { m.Start(first) }) // the first directive
//	for {
//		in := ...                       // what has come
//		released, err := m.Turn(in)     // calls Links, Host and the Waiters
//		if err != nil {
//			m.End(rest)             // answers all that waits
//			break
//		}
//	}
//
// All methods of a Member are called within a turn, from [Inbox.Call]. The owner may also
// call Reader and Deliveries before the first turn and between two, End and Successor after
// the last, and Outcome within [Host].Delivered. Other goroutines have the [Reader].
//
// The methods of [Links], [Host] and [Waiter] are called by the owner within a turn. They
// must neither block nor call the Member, but for Outcome.
//
// # Time
//
// A turn acts on what the clock says when it acts. The host calls Fire for each [Timer]
// that it was asked for. A lease is always judged by a look at the clocks that is made
// for it: a process that was stopped within a turn finds its lease run out.
//
// # Joining
//
// A joiner asks its host for a [Transfer]: the host dials the donor, and hands what comes
// to the Transfer, off the turn; [Member.Take] takes what it has, within one. At the other
// end [Member.Donate] makes a [Donor], which says what to write next.
package member
