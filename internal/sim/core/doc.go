// Package core runs whole groups of protocol cores in the environment of package
// isistest, on a schedule that one seed decides: which link delivers next, when a turn
// ends, who crashes, who is excluded though alive, who returns, joins or leaves, and
// which messages of the registry are lost, doubled or late. After every step it holds the
// logs of all nodes against the guarantees.
//
//	result := core.Run(seed, core.Options{})
//	if result.Violation != "" {
//		// Run(seed, core.Options{Trace: show}) shows how it came about
//	}
//
// The nodes are real isis.Node values. Links lose nothing between nodes that live; behind
// a sender that crashed they end at a random point. The registry is a model (registry.go).
// It keeps one chain of committed views. It computes each attempt from the committed view
// and from the nodes taken for alive, with another leader than the attempt that failed. It
// takes INSTALLED for the attempt under way only, from its leader only. Directives and
// reports are repeated until they have an effect, so any of them may be lost, doubled or
// late. A restart forgets everything but the views and the attempt.
//
// The guarantees (order.go) with safe delivery: what any node ever delivered,
// one that crashed or was excluded too, is a prefix of one order, in which each
// sender's messages of a view stand in sequence and nothing stands twice or was
// not submitted; no node enters a view that is not committed. With agreed
// delivery this holds for the members of the last view. In the end, once faults
// stop (settle.go), every survivor has delivered all that the survivors and the nodes
// that left cleanly have submitted.
package core
