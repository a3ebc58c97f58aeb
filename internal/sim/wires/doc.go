// Package wires is what lies around the processes of a simulated group: virtual time, the
// clocks of a process, the network, and the links between members.
//
//	var t wires.Time
//	n := wires.NewNetwork(wires.Config{Time: &t, ...})
//	c := n.Connect(from, dialler, to, listener)
//	n.LimitPort(from, 1<<20) // bytes a second; without a bound they take no time
//	c.Write(1, bytes) // arrive in order, or up to a point
//	for t.Comes(end) {
//		t.Step()
//	}
//
// Links have the decisions (internal/link) and the codec (internal/transport) that ship.
// Connections are made and written here.
package wires
