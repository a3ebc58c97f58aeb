// Package link decides about the link of a node with one peer: what is kept for the peer
// and sent again after a broken connection, whether two ends that meet can go on without
// a gap or a repeat, which connection is used, and when a link is given up. It is pure:
// no I/O, no clock, no goroutine, no lock. Package transport does what it decides over
// TCP, and the simulation of groups over a virtual network.
//
//	node := link.NewNode(link.Config{...})
//	l := node.Link(peer) // guarded by a lock of the host's
//	l.Set(link.Peer{MemberID: peer, Addr: addr, Bound: view})
//
//	hello, number := l.Hello()            // the higher incarnation dials,
//	err := l.Answered(number, &reply)     // and gets an answer
//
//	g, refusal := node.Judge(&hello, ids) // the other end takes a dial,
//	newest := l.Greeted(g)                // of which the newest counts,
//	reply := l.Meet(g)                    // and answers
//
//	in, err := l.Attach(number, now)      // both ends use the connection
//	message, err := in.Take(record)       // by its reader, for each record
//	l.Commit(append(l.Reserve(size), record...))
//	l.Flush()
//	l.Wrote(number, l.Sent()+uint64(written)) // of l.Unsent()
//	l.Broke(number, why)
//
// After every call of a method but those of Inbound, Heard and Status, the host asks
// [Link.Todo] what is to be done. A connection is known by the number of its dial.
//
// # Streams
//
// Each direction of a link is a stream of records, numbered by their offset in bytes. The
// sending end keeps every byte until the peer has confirmed it, in one buffer from which
// it is sent first and, if need be, again. An [Inbound] is the receiving end: it counts
// the records taken, and checks the count against the marks in the stream.
//
// A record is
//
//	uint32 length, little endian, of what follows
//	uint8  kind: 0 for a mark, other kinds belong to the caller
//	body
//
// and a mark's body is the offset of the mark's first byte, and the offset up to which
// the sender of the mark has taken the stream in the other direction, 8 bytes each, little
// endian. Every flush begins with a mark, so confirmations travel along with whatever goes
// out; a mark alone is a ping. As marks are part of the stream, a write that stopped
// anywhere is resumed like any other.
//
// A stream begins with an epoch, a number that its sender never uses for that peer again.
// Ends that meet on a new connection exchange a [Claim] each: the epoch of the own stream,
// the epoch of the peer's stream as far as it is known, and how much of that was taken.
//
// # Dead links
//
// A link is dead when its stream cannot be brought to the other side whole: more is
// unconfirmed than may be kept, the other side has lost its state (it dropped this node
// meanwhile), or what came makes no sense. Each side finds out at the latest when they
// meet. A dead link drops what is sent. It begins again when its [Peer]'s Bound grows, with
// an attempt at a view that both ends are in, or the view: messages of the one before have
// no meaning any more then, and the flush sees to what they brought. Until then its Status
// says that it is dead, and nothing is heard on it, so that failure detection takes it for
// cut. A link without a Bound, as with a node that wants to join, begins again at once. If
// the other end has one, it finds out when they meet, and is dead until that grows.
package link
