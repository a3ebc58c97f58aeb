// Package evloop reads many connections from one goroutine, on Linux, and calls
// their handlers in rounds:
//
//	loop, err := evloop.New(begin, end) // ErrUnsupported elsewhere: serve the connection by a goroutine
//	conn, err := loop.Adopt(tcp)        // and not tcp any more
//	...
//	conn.Serve(func() bool {            // from the connection's own goroutine, which waits meanwhile
//		n, err := conn.Read(buf)    // never waits
//		...
//		return err == nil
//	})
//
// A node on a few cores has little work for each message, and much of the cost of
// receiving one is the wake-up of a goroutine: the runtime wakes a thread for the
// goroutine, and mostly a second thread that finds no more work. A busy loop waits in
// the kernel itself and takes everything that has arrived on all connections in one call.
// It calls end when a round is over, so that the work which the handlers have gathered
// can be done together.
//
// Work that blocks still needs a goroutine. A handler that must block returns false,
// which hands the connection back to the goroutine in Serve. That goroutine blocks, and
// calls Serve again.
//
// The package imports the standard library only.
package evloop
