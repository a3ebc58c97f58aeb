// Package nbio writes to connections without blocking.
//
// A loop that serves many connections must not block because one client does not
// read. Deadlines cost a timer for every write, and a goroutine for every connection
// costs a hand-over for every reply. So a [Tryer] writes as much as the socket takes
// at once, in one system call, and returns how much that was. A [Writer] adds a buffer:
//
//	out := nbio.NewWriter(conn, nbio.Limits{MaxBuffered: 4 << 20})
//	...
//	err = out.Keep(reply.Append(out.Buffer())) // encode in place, as often as there is something
//	...
//	err = out.Flush()                          // one write for all of it, once per turn of the loop
//
// A goroutine writes the rest that the socket did not take at once, by [WriteRest], as
// links between members and connections of clients do. It runs only while
// bytes are left in a [Queue], which never moves them. If more bytes wait than the bound
// allows, the Writer returns [ErrOverflow], and the owner closes the connection. If the
// reader takes nothing for too long, the goroutine closes the connection.
//
// The package imports the standard library only.
package nbio
