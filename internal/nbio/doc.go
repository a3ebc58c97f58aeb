// Package nbio writes to connections without waiting for them.
//
// A loop that serves many connections must not stand still because one of them
// does not read. Deadlines do not help: they cost a timer for every write, and
// a goroutine for every connection costs a hand-over for every reply. So a
// [Tryer] hands the socket what it takes at once, in one system call, and
// reports how much that was. A [Writer] builds an output on it:
//
//	out := nbio.NewWriter(conn, nbio.Limits{MaxBuffered: 4 << 20})
//	...
//	err = out.Keep(reply.Append(out.Buffer())) // encode in place, as often as there is something
//	...
//	err = out.Flush()                          // one write for all of it, once per turn of the loop
//
// What the socket does not take at once is written by a goroutine, which is
// there only as long as something is left, in a [Queue], which never moves what it
// holds. A reader that stays behind for more bytes than the bound gets
// [ErrOverflow], upon which the owner closes it; one that takes nothing for too
// long is closed by the goroutine.
//
// The package imports the standard library only.
package nbio
