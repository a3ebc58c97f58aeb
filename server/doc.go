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
// A node's protocol state (the isis core, the applying side of the store, the
// operations that wait) has one owner at a time and no lock inside. A goroutine
// that brings work puts it into the inbox: a link with messages, a client connection
// with a burst of requests, an embedded caller, a timer, a directive of the registry.
// If the state has no owner, that goroutine becomes the owner and takes turns until
// the inbox is empty. If that takes too long, another goroutine takes over. A quiet
// node thus answers without waking another goroutine, and a busy one gathers batches.
//
// A turn takes everything from the inbox, steps the core, sends the messages that are
// ready (one write per peer), applies the deliveries, and answers their clients (one
// write per connection). No write waits for the other side: if a socket does not take
// everything at once, a goroutine writes the rest. Only two things block: the admission
// of client commands while too many are under way, and the reader of a connection
// whose client does not read, has too many requests under way, or was refused.
//
// Reads do not take turns: they read the store on the caller's goroutine.
//
// # Rooms
//
// Package internal/member decides what happens in a turn; the simulation hosts it too. This
// package is its host, in three groups of files. The replica (replica, host, event,
// turnstile, leave, observe, donate and others) gives the member turns, timers, links and
// the log. The front (front, clientconn, clientin, clientout, local and others) serves
// clients. The node (node, run, listener, identity and others) starts, accepts connections,
// rejoins and stops. TestRooms lists what each group uses of the others.
//
// # Incarnations
//
// A Node outlives its incarnations. Each is a replica, from its registration
// with the registry until it is excluded, leaves, or its generation ends. Then
// the node registers again and joins like any other: it observes a member, which
// sends a snapshot and its deliveries, until a view change adds it.
//
// # The process around it
//
// A node changes nothing in the process that it runs in, and does not handle
// signals. Whatever ends or stops the process also ends or stops the node:
//
//   - The protocol loop calls Config.Logger. A handler that blocks, such as one
//     that writes to a pipe whose reader is stopped, stops the node. The writes of
//     its group stop too, until the group continues without the node.
//   - If a Go process writes to stdout or stderr and their reader has gone, SIGPIPE
//     kills it, unless it handles or ignores that signal (os/signal, "SIGPIPE").
//     If several nodes log to one reader, all may be killed at once, and then the
//     variables are lost. Ignore the signal in your main:
//     signal.Ignore(syscall.SIGPIPE).
//   - SIGHUP, SIGINT and SIGTERM kill the process without leaving the group, unless
//     your main handles them and calls Leave or Close.
//
// The commands dsm server and dsmbench do all of this.
package server
