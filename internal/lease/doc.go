// Package lease tells until when a member of a group may serve its clients.
//
// A member that was cut off and then excluded does not hear of it. So that it
// does not go on answering reads from its ageing copy, it serves only under a
// lease: for the lease time, counted from when it asked a question to which the
// answer proves that it was in the newest view at that moment or later. There
// are two such questions (the idea is of Gray and Cheriton, "Leases: an efficient
// fault-tolerant mechanism for distributed file cache consistency", 1989):
//
//   - a heartbeat, which the registry answers by naming the committed view;
//   - a probe, which every other member of the view answers while it is in that
//     view and not wedged. No view can be committed after it without a survivor
//     that was wedged before.
//
// Counted from the asking, the lease of a member that is left out of a view ends
// at most the lease time after that view was committed, however late an answer
// comes. Clocks of different nodes are never compared; each must only run at the
// right speed.
//
// The package is pure: its owner says what time it is, by a clock of its own. An
// owner whose steady clock stands still while the machine sleeps keeps a second
// lease, by the clock on the wall, and serves under both. It says by SetBack when that
// clock was set back.
//
//	l.Probed(number, now)    // with node.Probe(number), every heartbeat interval
//	l.Answered(node.Vouched(), now)
//	l.Vouched(sent, now)          // the registry's answer to the heartbeat sent then
//	if l.Until() > now { ... } // it may serve
//
// A lease outlives a view change: whoever was in the newest view when it asked
// has not been excluded before.
package lease
