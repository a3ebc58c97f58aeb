// Package membership decides who is in a group: joins, leaves, failures,
// attempts at a new view, commits, generations.
//
// It is pure. A [Group] reads no clock, does no I/O, draws no random number,
// starts no goroutine, takes no lock and writes no log: time comes in as a
// monotonic duration, and what comes out depends on what went in alone. Its
// caller, package registry, owns it and serialises the calls.
//
// # What is kept, and when it must be saved
//
// A group has durable state ([State]: the committed view, the
// attempt under way, the counters of views and incarnations, the floor of
// positions, the proofs of death) and volatile state (heartbeats, reports, joiners). Every method that
// changes durable state says so through [Group.Unsaved], and the caller must
// have saved it before anything that depends on it leaves the process:
//
//	err := group.Heartbeat(now, from, report)
//	if state, ok := group.Unsaved(); ok {
//		if saveErr := store.Save(state); saveErr != nil {
//			// Answer nobody. What was told before is still true.
//		}
//		group.Saved()
//	}
//	for _, event := range group.TakeEvents() { ... } // for the log
//	directive, err := group.Directive(from, report.View)
//
// [Group.Directive] panics while something is unsaved, so that a caller that
// forgets it cannot lie to a node.
//
// # A view change
//
// The first node of a generation is its first view at once. Every other
// change goes through an [Attempt]: it names the committed view it starts
// from, the members of the next view and a leader among the survivors. The
// members report that they are wedged for it; the leader reports it installed
// once every member holds the cut; only then the view is committed. An attempt
// that loses a member is replaced at once, one that passes its deadline is
// replaced without those that did not answer and under another leader. Once
// an attempt was announced there is no way back to the old view, because its
// members have wedged: attempts follow one another until one commits.
//
// # Restart
//
// [New] goes on from a saved state: same committed view, same attempt, all
// timers from the start. Members and the joiners of the attempt are known from
// the state. Other joiners were never saved: their heartbeats are answered
// with "excluded", and they register anew. A request to leave is not saved
// either; the leaver repeats it until it is told that it has left.
package membership
