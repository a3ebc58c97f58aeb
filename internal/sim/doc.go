// Package sim runs whole groups in one goroutine and virtual time, on a run of
// events that one seed decides: nodes, their registry, the network between them,
// and clients, with every fault that the design speaks of. It is after the
// simulators of FoundationDB and TigerBeetle.
//
//	r := sim.Run(seed, sim.Options{})
//	if r.Violation != "" {
//		small := sim.Shrink(r, 60) // what a smaller run needs for it, and how it ends
//	}
//
// From the command line:
//
//	go test ./internal/sim                            500 seeds, 30 with -race
//	go test ./internal/sim -run TestSeeds -v -seed N  one seed, with its trace
//	make sim SIMTIME=10m SIMFROM=1                    seeds on all cores, what faults occurred in
//	                                                  them, then, a minute more, every planted bug
//
// # What is real
//
// The protocol core (isis), the registry's decisions (registry/membership), the
// state machine with its snapshots (internal/store), leases (internal/lease), the
// streams between members and their codec (internal/transport/stream and
// internal/transport's messages), and all that a client decides
// (internal/session).
//
// # What is a model
//
// The shells: what package server does around the core (replica.go, turn.go,
// reads.go, directive.go, heartbeat.go, observe.go, donate.go, leave.go), package
// registry around its decisions (registry.go), package transport around its
// streams (link.go, meet.go), and the driver around the session (client.go,
// operation.go, stream.go). They follow those packages function by function, without what
// waits or locks. A change there needs the same change here.
//
// The network (network.go) has connections that carry bytes in order until they
// break, at any byte; what is sent into a cut waits for its end, as TCP has it
// wait. Words to and from the registry are requests of their own, which get lost,
// doubled and late (mail.go). The registry's disk is the last state it has saved;
// it may crash, and so may a node, between any two of its steps. A process has a
// clock of its own, which runs at another rate and jumps ahead, but never back.
//
// # What is checked
//
// At once: all nodes, also those that crash or are excluded, deliver prefixes of
// one order, and have the same results and the same digest of their state after
// each message (order.go); every write is executed once, in a living session, with
// the result that the dumbest state machine has (oracle.go); an answer is what the
// order has at the position it reflects, which is not before what its session had
// seen, nor, if it is strong, before what had been answered to anybody (check.go);
// views form one chain, and nobody enters one that is not saved; no read is
// answered for longer than a lease after a view without the node was committed, in
// true time (chain.go); no position, version or session is of two generations
// (span.go). No node is sent what breaks the protocol.
//
// In the end, once faults have stopped (settle.go): within a bounded time all
// nodes are members and serve, and all operations have ended; all have the whole
// order and the same digest; no acknowledged write is missing; each client's
// writes took effect in the order in which it issued them, waited for or not, and
// its reads have seen those before them; porcupine finds the
// writes and strong reads of each variable linearizable (linear.go).
//
// With agreed delivery, in one seed of ten, what a lost member told may differ;
// the members of the last view are held against one another, and acknowledged
// writes against their order. Where every member is lost a new generation begins,
// and what was acknowledged before is not asked for.
package sim
