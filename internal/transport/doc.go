// Package transport links the nodes of a group: it brings messages of package
// isis from one to the other in order, without a gap or a repeat, for as long as
// both incarnations know one another, over however many connections that takes.
//
// # Use
//
//	net, err := transport.New(transport.Config{Self: self, Group: group, Generation: generation, Handler: inbox})
//	net.SetPeers(view.ID, peers)   // whenever members or joiners come or go, and for every attempt at a view
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
// peer has confirmed it; package stream has the details and the format.
//
// # Connections
//
// A pair has one connection at a time. The node with the higher incarnation, the
// one that started later, dials, and dials again after a break. A newer
// connection replaces an older one: the acceptor may not have noticed yet that
// the older is broken. Each dial has a number, so that a late one is known.
//
// In the handshake both say which epoch of their streams they are in, and how
// much of the other's they have taken. The dialler sends that in the Extra of its
// Hello, the acceptor in the Extra of its reply; then both go on from there. A
// node that is not (yet) a peer, or that dials an incarnation which has ended, is
// refused, and tries again until SetPeers tells it otherwise.
//
// # Dead links
//
// A link is dead when its stream cannot be brought to the other side whole: more
// is unconfirmed than may be kept, the other side has lost its state (it was
// told to drop this node meanwhile), or what came makes no sense. Each side finds
// out at the latest when they meet. A dead link drops what is sent. It begins anew
// when SetPeers gives a view later than the one in which it died: messages of the
// old view have no meaning any more then, and the flush has seen to what they
// brought. Before that, Peers tells that it is dead, and nothing is heard on it,
// so that failure detection takes it for cut.
package transport
