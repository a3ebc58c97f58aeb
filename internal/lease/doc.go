// Package lease computes until when a member of a group may serve its clients.
//
// A member that was cut off and then excluded does not learn about it. It must not
// continue to answer reads from its old copy, so it serves only under a lease. The
// member asks a question whose answer proves that it was in the newest view when it
// asked, or later. The lease lasts for the lease time, counted from the question. There
// are two such questions (the idea is of Gray and Cheriton, "Leases: an efficient
// fault-tolerant mechanism for distributed file cache consistency", 1989):
//
//   - a heartbeat, which the registry answers by naming the committed view;
//   - a probe, which every other member of the view answers while it is in that
//     view and not wedged. No view can be committed after it without a survivor
//     that was wedged before.
//
// Since the lease counts from the question, the lease of a member that is left out of a
// view ends at most one lease time after that view was committed, however late an answer
// arrives. Clocks of different nodes are never compared; each must only run at the right
// speed.
//
// The package is pure: its owner passes in the time of its own clock. If the owner's
// steady clock stands still while the machine sleeps, the owner keeps a second lease by
// the wall clock, and serves only under both. It calls SetBack when the wall clock was
// set back.
//
//	l.Probed(number, now)    // with node.Probe(number), every heartbeat interval
//	l.Answered(node.Vouched(), now)
//	l.Vouched(sent, now)          // the registry's answer to the heartbeat sent then
//	if l.Until() > now { ... } // it may serve
//
// A lease remains valid over a view change: a member that was in the newest view when it
// asked had not been excluded before.
package lease
