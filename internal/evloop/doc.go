// Package evloop reads many connections from one goroutine, on Linux, and has
// their handlers called in rounds:
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
// A node of a group on a few cores has little to do for each message, and much of
// what it costs to receive one goes into waking up a goroutine for it: the runtime
// wakes a thread, which takes the goroutine, and mostly a second one to look for
// more work that is not there. A loop that is busy waits in the kernel itself, takes all that
// has come on all connections in one call, and tells when a round is over, so that
// what the handlers have gathered can be worked on together.
//
// Go on using goroutines for what has to wait: a handler that must do so returns
// false, which hands the connection back to the goroutine in Serve; that one waits,
// and calls Serve again.
//
// The package imports the standard library only.
package evloop
