// Package wire defines what crosses a connection between a client and a node:
// the handshake, the frames, the requests and replies, and the commands that
// make up the total order.
//
// A connection begins with a [Hello] from the side that dialled and a
// [HelloReply] from the node. The role in the Hello says what follows: client
// requests, a link between two members, or the transfer of state to a joiner.
// The same port serves them all.
//
// Everything after the handshake is a frame:
//
//	uint32 length, little endian, of what follows
//	uint8  kind: one of the Frame constants, or between members that of their message
//	body
//
// A [FrameReader] splits what a connection of any role brings into frames.
//
// Any number of requests may be in flight on a connection; replies come in any
// order and carry the request's id. Integers inside bodies are unsigned varints
// (signed ones zigzag), byte strings are a varint length and the bytes. Every
// length is checked against what is left before memory is taken for it, and
// every decoder has a fuzz target.
//
// The package imports the standard library only: it is compiled into every
// application that imports the driver.
package wire
