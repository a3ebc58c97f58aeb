// Package membership decides who is in a group: joins, leaves, failures,
// attempts at a new view, commits, generations.
//
// It is pure. A [Group] reads no clock, does no I/O, draws no random number,
// starts no goroutine, takes no lock and writes no log. Time is passed in as a
// monotonic duration, and results depend on arguments only. Its caller, package
// registry/keeper, owns it and serialises the calls.
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
//			// Do not answer. What was sent before is still true.
//		}
//		group.Saved()
//	}
//	for _, event := range group.TakeEvents() { ... } // for the log
//	directive, err := group.Directive(from, report.View)
//
// [Group.Directive] panics while something is unsaved, so that a caller cannot
// send what it forgot to save.
//
// # A view change
//
// The first node of a generation forms its first view at once. Every other
// change is an [Attempt]. It names the committed view that it starts from, the
// members of the next view, and a leader among the survivors. The members report
// that they are wedged for it. When every member holds the cut, the leader reports
// the attempt installed, and only then is the view committed. An attempt that
// loses a member is replaced at once. One that passes its deadline is replaced
// under another leader, without the members that did not answer. Once an attempt
// is announced, the group cannot return to the old view, because its members
// have wedged: attempts follow one another until one commits.
//
// # Restart
//
// [New] continues from a saved state, with the same committed view and the same
// attempt; all timers start again. The state names the members and the joiners of
// the attempt. Other joiners are not saved: their heartbeats are answered
// with "excluded", and they register again. A request to leave is not saved
// either; the node repeats it until a directive says that it has left.
package membership
