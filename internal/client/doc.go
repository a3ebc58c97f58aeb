// Package client speaks to nodes over the network: it parses data source names,
// finds servers through the registry, dials, and multiplexes requests over a
// connection. Package driver stands on it, and so do tools that ask nodes for
// what applications need not know:
//
//	target, err := client.ParseDSN("dsm://127.0.0.1:7000")
//	servers, err := target.Find(ctx, client.Options{})
//	conn, err := client.Dial(ctx, servers[0], client.Options{})
//	status, err := conn.Status(ctx)         // JSON
//	position, digest, err := conn.Audit(ctx)
//
//	sub, err := client.Subscribe(ctx, servers[0], client.Options{}, position)
//	delivery, err := sub.Next()
//
// # A connection
//
// Any number of goroutines share a [Conn]. A caller appends its request to a
// buffer; the first to do so yields once, so that others may join, and then
// writes the buffer with one call. One goroutine reads, and hands each reply to
// the caller that waits for it, found by the request's id.
//
// A caller whose context ends goes away, and the reply is dropped when it comes:
// until then its request counts as in flight, as it does at the node. The
// connection itself breaks only when the node closes it, says what it must not,
// or does not answer a ping while requests are in flight. All calls in flight
// then fail, those that certainly did not reach the node with wire.ErrNotSent.
//
// The package imports the standard library and internal/wire only: it is
// compiled into every application that imports the driver.
package client
