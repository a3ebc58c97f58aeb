// Package transport links the nodes of a group: it brings messages of package
// isis from one to the other in order, without a gap or a repeat, for as long as
// both incarnations know one another, over however many connections that takes.
//
// # Use
//
//	net, err := transport.New(transport.Config{Self: self, Group: group, Generation: generation, Handler: inbox})
//	net.SetPeers(peers)            // whenever members or joiners come or go, and for every attempt at a view
//	net.Accept(conn, hello)        // for every inbound connection with wire.RolePeer
//	...
//	for _, out := range ready {    // a turn of the protocol loop
//		net.Send(out.To, &out.Message)
//	}
//	net.Flush()                    // one write per peer
//	...
//	net.Close()
//
// Send and Flush never wait for a peer. What was sent is kept, encoded, until the
// peer has confirmed it.
//
// Package link decides about each link: which connection is used, what goes out again
// after a break, and when a link is dead. This package has the sockets and goroutines, the
// locks, and the codec of messages.
//
// # Connections
//
// A pair has one connection at a time. The node with the higher incarnation, the
// one that started later, dials, and dials again after a break. A newer
// connection replaces an older one: the acceptor may not have noticed yet that
// the older is broken. A node that is not (yet) a peer, or that dials an incarnation
// which has ended, is refused, and tries again until SetPeers drops the peer.
package transport
