package isistest

import (
	"fmt"

	"github.com/seed-8247e700/dsm/isis"
)

// Group is a group of cores, and what is on its way between them. The zero Group is
// empty. Turn calls the functions, all of which may be nil; if Rejected is nil, a
// rejected message panics.
type Group struct {
	Config isis.Config // of the cores that Start makes; Self is filled in

	Sent      func(from, to *Node, m *isis.Message) // before the message is on its link
	Rejected  func(n *Node, err error)
	Delivered func(n *Node, d *isis.Delivery)
	Entered   func(n *Node, v *isis.View)
	Installed func(n *Node, attempt uint64) // n led the attempt, and every member has acknowledged its cut

	Nodes []*Node // every incarnation, by Index
	Busy  []*Link // those with messages, in no order
}

// Node is one incarnation of a node: its core, and what a member keeps around it.
type Node struct {
	ID      isis.MemberID
	Core    *isis.Node
	Alive   bool
	Applied uint64  // position of the last command that was delivered, or loaded
	Links   []*Link // to every node, by Index; it sends nothing to itself

	// A joiner has a donor once it observes one.
	Donor  *Node
	Stream []isis.Delivery // from the donor, not followed yet

	installed uint64 // attempt that was reported last
}

// Index is the node's place in Group.Nodes.
func (n *Node) Index() int { return int(n.ID.Incarnation - 1) }

// Member reports whether the node is in a view.
func (n *Node) Member() bool {
	return n.Core.Phase() == isis.Normal || n.Core.Phase() == isis.Wedged
}

// Start starts the next incarnation, of a node of that name. It is in no view.
func (g *Group) Start(name string) *Node {
	cfg := g.Config
	cfg.Self = isis.MemberID{ID: name, Incarnation: uint64(len(g.Nodes) + 1)}
	n := &Node{ID: cfg.Self, Core: isis.New(cfg), Alive: true}
	for _, other := range g.Nodes {
		other.Links = append(other.Links, &Link{From: other, To: n, place: -1})
	}
	g.Nodes = append(g.Nodes, n)
	for _, other := range g.Nodes {
		n.Links = append(n.Links, &Link{From: n, To: other, place: -1})
	}
	return n
}

// Form commits view 1 at all nodes, which are its members. Their COMMITs are not sent.
func (g *Group) Form() error {
	view := isis.View{ID: 1}
	for _, n := range g.Nodes {
		view.Members = append(view.Members, n.ID)
	}
	for _, n := range g.Nodes {
		if err := n.Core.Commit(view); err != nil {
			return err
		}
		n.Core.Ready()
	}
	return nil
}

// Stop ends a node. Messages to it are lost; those that it has sent stay on their links.
func (g *Group) Stop(n *Node) {
	n.Alive = false
	for _, other := range g.Nodes {
		g.Truncate(other.Links[n.Index()], 0)
	}
}

// Turn ends a turn of a node: it does what the core has ready, in the order of the loop
// in package isis. Before it come any calls of the core's methods, Deliver and Follow.
func (g *Group) Turn(n *Node) {
	ready := n.Core.Ready()
	for i := range ready.Messages {
		g.send(n, &ready.Messages[i])
	}
	for _, err := range ready.Rejected {
		if g.Rejected == nil {
			panic(err)
		}
		g.Rejected(n, err)
	}
	for i := range ready.Deliveries {
		g.apply(n, &ready.Deliveries[i])
	}
	for i := range ready.Entered {
		if g.Entered != nil {
			g.Entered(n, &ready.Entered[i])
		}
	}
	if attempt := n.Core.Installed(); attempt != n.installed {
		n.installed = attempt
		if attempt != 0 && g.Installed != nil {
			g.Installed(n, attempt)
		}
	}
}

// apply applies a delivery, and streams it to the nodes that observe this one.
func (g *Group) apply(n *Node, d *isis.Delivery) {
	n.advance(d)
	for _, f := range g.Nodes {
		if f.Donor == n && f.Alive {
			f.Stream = append(f.Stream, *d)
		}
	}
	if g.Delivered != nil {
		g.Delivered(n, d)
	}
}

func (n *Node) advance(d *isis.Delivery) {
	if d.First != n.Applied+1 {
		panic(fmt.Sprintf("isistest: gap: %v delivers position %d after %d", n.ID, d.First, n.Applied))
	}
	n.Applied += uint64(d.Count)
}

// Observe gives a joiner the state of donor, and a stream of what donor delivers next.
func (n *Node) Observe(donor *Node) {
	n.Donor, n.Stream, n.Applied = donor, nil, donor.Applied
	n.Core.Observe(n.Applied, donor.ID)
}

// Follow hands the oldest delivery of a joiner's stream to its core. It returns the
// delivery, and whether the joiner has applied it. The error is the core's.
func (n *Node) Follow() (d isis.Delivery, applies bool, err error) {
	d, n.Stream = n.Stream[0], n.Stream[1:]
	d.Own = false
	applies, err = n.Core.Observed(d.View, d.First, d.Count)
	if applies {
		n.advance(&d)
	}
	return d, applies, err
}

// Run delivers everything: it ends a turn after each message, and when no message is on
// its way it sends the acknowledgements that wait for company. It returns the first error
// of a core.
func (g *Group) Run() error {
	for {
		for len(g.Busy) > 0 {
			l := g.Busy[0]
			if err := g.Deliver(l); err != nil {
				return err
			}
			g.Turn(l.To)
		}
		for _, n := range g.Nodes {
			if n.Alive && n.Core.AcksWait() {
				n.Core.SendAcks()
				g.Turn(n)
			}
		}
		if len(g.Busy) == 0 {
			return nil
		}
	}
}
