// Package sim runs whole groups in one goroutine and in virtual time: nodes, their
// registry, the network between them, and clients, with every fault that the design
// covers. One seed decides all events. The model are the simulators of FoundationDB and
// TigerBeetle.
//
//	r := sim.Run(seed, sim.Options{})
//	if r.Violation != "" {
//		... // the tests look for a smaller run with the same violation
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
// next directive. The connections of links (package wires).
//
// What surrounds the hub of a node's watches, and its pages of scans (hub.go).
//
// What surrounds internal/session in the driver (client.go, operation.go, stream.go, watch.go,
// scan.go). Where a
// goroutine of package driver waits, for a connection, a session, room or an earlier write, a
// client has a list of operations that wait. It has one connection, not a pool of them: what
// package driver decides on its own about the number, the age and the limits of connections
// does not run here, nor do names and their look-ups. Each attempt has a patience in place of
// pings; once faults have stopped it goes on as long as the node serves. A change of the loop in driver/operation.go needs the same change in operation.go.
//
// The network (package wires) has connections that carry bytes in order until they
// break, at any byte. Bytes that are sent into a cut wait for its end, as with TCP. The
// bytes on their way from a donor are bounded, and arrive in pieces. In one seed of five each
// node has a port that carries so many bytes a second in each direction (bandwidth.go):
// messages, snapshots, requests and replies then take time by their size and wait for one
// another, and a connection whose buffer is full takes no more. Some of their links, ports and
// disks of registries become slower, for a while or to the end; a registry that saves does
// nothing else. Messages to and from
// the registry are separate requests, which may be lost, doubled or late (mail.go). The
// registry's disk holds the last state that was saved. The registry may crash between any
// two of its steps, and a node during anything that its member asks for.
//
// A process has three clocks of its own (package wires). The steady clock runs at a rate of
// its own and jumps ahead, but never back; it stands still while the machine sleeps. The
// wall clock continues then, and is set forward and back. The processor's counter continues
// or begins again; in half of the seeds a member may use it.
//
// # What is checked
//
// At once, by the checks of dsmbench (package check): all nodes, also those that crash or are
// excluded, deliver prefixes of one order; each write that was acknowledged is in it once,
// where its client was told, and nothing else is; a read returns what the order has at the
// position it reflects, which is not before what its session had seen and what that had
// issued, nor, if it is strong, before what had been answered to anybody; a watch returns each
// change of its range once, and a scan shows the state at one position. Beside them: all
// nodes have the same results and the same digest of their state after each message
// (order.go); every command has the result that the dumbest state machine has (oracle); views
// form one chain, and nobody enters one that is not saved; no read is answered for longer than
// a lease after a view without the node was committed, in true time, whatever befell its
// clocks (chain.go); a member gives back what was admitted, and nobody waits at one that has no
// lease (replica.go); a member refuses a session only where there is no room for it, by a state
// that reflects all that clients had been told when it was asked (opens.go); nobody has anything
// done in the session of another (theft.go); no position, version or session is of two generations (span.go); no
// variable and no session with a TTL of its own expires early, in true time, whatever befell
// members and their clocks (timing.go). No node is sent what breaks the protocol.
//
// In the end, faults stop (settle.go). Within a bounded time, all nodes must be members and
// serve, and all operations must have ended. All nodes must have the whole order and the
// same digest, and no acknowledged write may be missing. What has a TTL must expire in time
// (timing.go). Porcupine checks that the writes and strong reads of each variable, with its
// expiries, are linearizable (oracle).
//
// One seed in ten uses agreed delivery, with which the answers of a lost member may differ.
// There, the members of the last view are compared with one another, and acknowledged
// writes with their order. If all members are lost, a new generation begins, and writes
// acknowledged before are not checked.
package sim
