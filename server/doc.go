// Package server runs the nodes of a group, and its registry.
//
//	reg, err := server.StartRegistry(ctx, server.RegistryConfig{Listen: ":6001", DataDir: "/var/lib/dsm"})
//	node, err := server.Start(ctx, server.Config{ID: "n1", Registry: "127.0.0.1:6001", Listen: ":7000"})
//	db := driver.OpenDB(node) // reads straight from this process's replica
//	...
//	err = node.Close()        // leaves the group
//
// # One owner at a time
//
// A node's protocol state (the isis core, the applying side of the store, who
// waits for what) has one owner at a time and no lock inside. Whoever brings
// work (a link with messages, a client connection with a burst of requests, an
// embedded caller, a timer, the registry's word) puts it into the inbox; if
// nobody owns the state, he becomes the owner and takes turns on his own
// goroutine until the inbox is empty, or for so long that he is needed elsewhere:
// then a goroutine goes on in his place. A quiet node thus answers without waking
// another goroutine, and a busy one gathers batches by itself.
//
// A turn takes all that is in the inbox, steps the core, sends what it has made
// ready (one write per peer), applies the deliveries, answers their clients (one
// write per connection). No write waits for the other side; what a socket does
// not take at once a goroutine of its own carries on. Only the admission of
// client commands waits, when too many are under way, and a connection's reader,
// when its client does not read.
//
// Reads do not take turns: they look into the store on the goroutine that asks.
//
// # Rooms
//
// What a turn decides is package internal/member, which the simulation hosts too. Here is
// its host, in three groups of files. The replica (replica, host, event, turnstile, leave,
// observe, donate and others) gives the member turns, timers, links, and the log. The front
// (front, clientconn, clientin, clientout, local and others) serves clients. The node (node,
// run, listener, identity and others) starts, accepts, comes back and stops. A test,
// TestRooms, has the list of what one of them uses of another.
//
// # Incarnations
//
// A Node outlives its incarnations. Each is a replica, from its registration
// with the registry until it is excluded, leaves, or its generation ends; then
// the node registers anew and joins like any other: it observes a member, which
// sends a snapshot and its deliveries, until a view change takes it in.
//
// # The process around it
//
// A node changes nothing of the process that it runs in, how signals act on it
// least of all. What ends the process, or makes it stand still, does so to the node:
//
//   - Config.Logger is called from the protocol loop. A handler that blocks, such
//     as one that writes to a pipe whose reader is stopped, stops the node, and the
//     writes of its group with it, until the others have gone on without it.
//   - A Go process that writes to stdout or stderr when nobody reads them any more
//     is killed by SIGPIPE, unless it has asked for that signal or ignores it
//     (os/signal, "SIGPIPE"). Nodes whose logs have one reader may be killed at
//     once, and then the variables are lost. Ignore it in your main:
//     signal.Ignore(syscall.SIGPIPE).
//   - SIGHUP, SIGINT and SIGTERM kill it without leaving the group, unless your
//     main asks for them and calls Leave or Close.
//
// dsm server and dsmbench do all of that by themselves.
package server
