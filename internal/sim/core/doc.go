// Package core runs whole groups of protocol cores in one goroutine, without a
// network, a disk or a clock, on a schedule that one seed decides: which link
// delivers next, when a turn ends, who crashes, who is excluded though alive,
// who returns, joins or leaves, and which of the registry's words are lost,
// doubled or late. After every step the groups' logs are held against the
// guarantees.
//
//	result := core.Run(seed, core.Options{})
//	if result.Violation != "" {
//		// Run(seed, core.Options{Trace: show}) tells how it came about
//	}
//
// What is real and what is a model: the nodes are isis.Node values, driven as a
// server drives them (shell.go). Links are FIFO queues that lose nothing between
// the living and end at a random point behind a sender that crashed (network.go).
// The registry is a model (registry.go): one chain of committed views; attempts
// computed afresh from the committed view and from those taken for alive, with
// another leader than the one that failed; INSTALLED taken for the attempt under
// way and from its leader only; directives and reports that are repeated until
// they have an effect, so that each may get lost, doubled or late; and a restart
// that forgets all but the views and the attempt.
//
// The guarantees (order.go) with safe delivery: what any node ever delivered,
// one that crashed or was excluded too, is a prefix of one order, in which each
// sender's messages of a view stand in sequence and nothing stands twice or was
// not submitted; nobody enters a view that is not committed. With agreed
// delivery this holds for the members of the last view. In the end, once faults
// stop (settle.go), every survivor has delivered all that every survivor
// submitted, and so has everyone for whoever left cleanly.
package core
