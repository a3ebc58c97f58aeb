package isis_test

import (
	"fmt"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/isis/isistest"
)

// Three members order what two of them submit at the same time. Package isistest has
// the loop; a program has links in place of its queues, and a clock for SendAcks.
func Example() {
	logs := map[string][]string{}
	group := isistest.Group{Delivered: func(n *isistest.Node, d *isis.Delivery) {
		logs[n.ID.ID] = append(logs[n.ID.ID], fmt.Sprintf("%d: %s", d.First, d.Payload))
	}}
	n1, n2, n3 := group.Start("n1"), group.Start("n2"), group.Start("n3")
	if err := group.Form(); err != nil {
		panic(err)
	}
	n2.Core.Submit([]byte("x=1"))
	n1.Core.Submit([]byte("x=2"))
	group.Turn(n1)
	group.Turn(n2)
	if err := group.Run(); err != nil {
		panic(err)
	}
	for _, n := range []*isistest.Node{n1, n2, n3} {
		fmt.Println(n.ID, logs[n.ID.ID], "position", n.Core.Position())
	}
	// Output:
	// n1#1 [1: x=2 2: x=1] position 2
	// n2#2 [1: x=2 2: x=1] position 2
	// n3#3 [1: x=2 2: x=1] position 2
}

// The second of two members crashes. The first goes on without it: the registry
// proposes a view, the flush settles what was under way, the registry commits.
func ExampleNode_Wedge() {
	n1, n2 := isis.MemberID{ID: "n1", Incarnation: 1}, isis.MemberID{ID: "n2", Incarnation: 2}
	core := isis.New(isis.Config{Self: n1})
	if err := core.Commit(isis.View{ID: 1, Members: []isis.MemberID{n1, n2}}); err != nil {
		panic(err)
	}
	core.Submit([]byte("x=1"))
	ready := core.Ready()
	fmt.Println(len(ready.Messages), "messages,", len(ready.Deliveries), "deliveries")

	next := isis.View{ID: 2, Prev: 1, Members: []isis.MemberID{n1}}
	fmt.Println("wedged:", core.Wedge(isis.Attempt{View: next, Leader: n1}))
	core.Ready()
	fmt.Println("installed:", core.Installed()) // a heartbeat reports it to the registry

	if err := core.Commit(next); err != nil {
		panic(err)
	}
	ready = core.Ready()
	for _, d := range ready.Deliveries {
		fmt.Printf("view %d: %s at %d\n", d.View, d.Payload, d.First)
	}
	fmt.Println("entered view", ready.Entered[0].ID)
	// Output:
	// 2 messages, 0 deliveries
	// wedged: true
	// installed: 2
	// view 1: x=1 at 1
	// entered view 2
}
