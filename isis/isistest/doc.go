// Package isistest runs a group of protocol cores in one goroutine, without a network
// or a clock. It is what a member is to its core: queues for links, the loop of package
// isis, and the stream from a donor to a joiner. What happens next is the caller's to
// decide: a script (the tests of package isis), chance (the tests of this package) or the
// delays of a network (internal/sim/delays).
//
//	g := isistest.Group{Delivered: func(n *isistest.Node, d *isis.Delivery) {
//		fmt.Printf("%v: %s at %d\n", n.ID, d.Payload, d.First)
//	}}
//	a, b := g.Start("a"), g.Start("b")
//	if err := g.Form(); err != nil { // view 1
//		return err
//	}
//	a.Core.Submit([]byte("x=1"))
//	g.Turn(a)                       // sends a PROPOSE
//	g.Deliver(a.Links[b.Index()])   // b takes it
//	g.Turn(b)                       // b sends a PROPOSAL
//	return g.Run()                  // everything else
//
// Equal calls give equal results.
package isistest
