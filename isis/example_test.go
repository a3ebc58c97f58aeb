package isis_test

import (
	"fmt"

	"github.com/seed-8247e700/dsm/isis"
)

// process is what owns a core: here a program that keeps a log, and whose links
// are Go channels of messages.
type process struct {
	id    isis.MemberID
	core  *isis.Node
	inbox chan mail
	links map[isis.MemberID]chan<- mail
	log   []string
}

type mail struct {
	from isis.MemberID
	msg  isis.Message
}

// turn takes what has arrived, and then does what the core has ready, in that
// order. It tells whether anything was done.
func (p *process) turn() bool {
	busy := false
	for len(p.inbox) > 0 {
		m := <-p.inbox
		if err := p.core.Step(m.from, &m.msg); err != nil {
			panic(err) // cut the link, and report the peer
		}
		busy = true
	}
	ready := p.core.Ready()
	for _, e := range ready.Messages {
		m := mail{from: p.id, msg: e.Message}
		m.msg.Acks = append([]uint64(nil), e.Acks...) // the core writes on in its own
		p.links[e.To] <- m
		busy = true
	}
	for _, d := range ready.Deliveries {
		p.log = append(p.log, fmt.Sprintf("%d: %s", d.First, d.Payload))
	}
	return busy || len(ready.Deliveries) > 0
}

// Three members order what two of them submit at the same time.
func Example() {
	view := isis.View{ID: 1}
	var group []*process
	for i, name := range []string{"n1", "n2", "n3"} {
		id := isis.MemberID{ID: name, Incarnation: uint64(i + 1)}
		p := &process{id: id, core: isis.New(isis.Config{Self: id}), inbox: make(chan mail, 100)}
		group = append(group, p)
		view.Members = append(view.Members, id)
	}
	for _, p := range group {
		p.links = make(map[isis.MemberID]chan<- mail)
		for _, peer := range group {
			p.links[peer.id] = peer.inbox
		}
		if err := p.core.Commit(view); err != nil { // the registry's word
			panic(err)
		}
	}

	group[1].core.Submit([]byte("x=1"))
	group[0].core.Submit([]byte("x=2"))

	for busy := true; busy; {
		busy = false
		for _, p := range group {
			busy = p.turn() || busy
			if p.core.AcksWait() { // a program with a clock waits for a millisecond first
				p.core.SendAcks()
				busy = true
			}
		}
	}
	for _, p := range group {
		fmt.Println(p.id.ID, p.log, "position", p.core.Position())
	}
	// Output:
	// n1 [1: x=2 2: x=1] position 2
	// n2 [1: x=2 2: x=1] position 2
	// n3 [1: x=2 2: x=1] position 2
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
	fmt.Println("installed:", core.Ready().Installed) // to be reported to the registry

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
