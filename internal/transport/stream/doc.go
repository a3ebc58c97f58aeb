// Package stream is the part of a link that must not be wrong: what is kept for
// a peer, what is sent again after a broken connection, and whether two ends
// that meet can go on without a gap or a repeat. It is pure: no I/O, no time,
// no goroutine, no lock.
//
// Each direction of a link is a stream of records, numbered by their offset in
// bytes. A [Stream] is the sending end. It keeps every byte until the peer has
// confirmed it, in one buffer from which it is sent first and, if need be,
// again. A [Receipt] is the receiving end: it counts the records taken, and
// checks the count against the marks in the stream.
//
// A record is
//
//	uint32 length, little endian, of what follows
//	uint8  kind: 0 for a mark, other kinds belong to the caller
//	body
//
// and a mark's body is the offset of the mark's first byte, and the offset up to
// which the sender of the mark has taken the stream in the other direction, 8
// bytes each, little endian. Every flush begins with a mark, so confirmations
// travel along with whatever goes out; a mark alone is a ping. As marks are part
// of the stream, a write that stopped anywhere is resumed like any other.
//
// # Epochs
//
// A stream begins with an epoch, a number that its sender never uses for that
// peer again. Ends that meet on a new connection exchange a [Claim] each: the
// epoch of the own stream, the epoch of the peer's stream as far as it is known,
// and how much of that was taken. [Stream.Meet] then tells whether the two can
// go on, and if not, whether anything is lost by that.
package stream
