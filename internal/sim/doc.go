// Package sim runs whole groups in one goroutine and virtual time, on a run of
// events that one seed decides: nodes, their registry, the network between them,
// and clients, with every fault that the design speaks of. It is after the
// simulators of FoundationDB and TigerBeetle.
//
//	r := sim.Run(seed, sim.Options{})
//	if r.Violation != "" {
//		... // the tests look for a smaller run that ends so
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
// All that a member decides (internal/member): the protocol core, its store and snapshots,
// turns, commands and reads under way, leases, heartbeats, directives, both ends of a
// join, leaving. The simulation is its second host, beside package server. Real, too, are
// all that a registry decides (registry/membership, and registry/keeper, which saves,
// answers and tells), all that a link between members decides (internal/link), the codec of
// their messages (internal/transport), the frames of a join, and all that a client decides
// (internal/session).
//
// # What is a model
//
// What surrounds a member (replica.go, around.go, answers.go, leave.go, join.go, donate.go):
// when turns come, timers, where replies, heartbeats and frames go. What surrounds the
// registry's keeper (registry.go): its disk, its clock, and when a watch is ready for the
// next directive. The connections of links (package wires). The driver around the session
// (client.go, operation.go, stream.go): that follows package driver function by function,
// without what waits or locks. A change there needs the same change here.
//
// The network (package wires) has connections that carry bytes in order until they
// break, at any byte; what is sent into a cut waits for its end, as TCP has it
// wait. What is on its way from a donor is bounded, and arrives in pieces. Words to and
// from the registry are requests of their own, which get lost, doubled and late (mail.go).
// The registry's disk is the last state it has saved; it may crash between any two of its
// steps, and a node in whatever its member asks for.
//
// A process has three clocks of its own (package wires). The steady one runs at another rate
// and jumps ahead, but never back, and stands still while the machine sleeps. The one on
// the wall goes on then, and is set forward and back. The processor's counter goes on or
// begins again; in half of the seeds a member may count on it.
//
// # What is checked
//
// At once, by the checks of dsmbench (package check): all nodes, also those that crash or are
// excluded, deliver prefixes of one order; each write that was acknowledged is in it once,
// where its client was told, and nothing else is; a read returns what the order has at the
// position it reflects, which is not before what its session had seen and what that had
// issued, nor, if it is strong, before what had been answered to anybody. Beside them: all
// nodes have the same results and the same digest of their state after each message
// (order.go); every command has the result that the dumbest state machine has (oracle); views
// form one chain, and nobody enters one that is not saved; no read is answered for longer than
// a lease after a view without the node was committed, in true time, whatever befell its
// clocks (chain.go); a member gives back what was admitted, and nobody waits at one that has no
// lease (replica.go); no position, version or session is of two generations (span.go). No node
// is sent what breaks the protocol.
//
// In the end, once faults have stopped (settle.go): within a bounded time all
// nodes are members and serve, and all operations have ended; all have the whole
// order and the same digest; no acknowledged write is missing; porcupine finds the
// writes and strong reads of each variable linearizable (oracle).
//
// With agreed delivery, in one seed of ten, what a lost member told may differ;
// the members of the last view are held against one another, and acknowledged
// writes against their order. Where every member is lost a new generation begins,
// and what was acknowledged before is not asked for.
package sim
