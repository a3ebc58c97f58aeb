// Package bench loads a group and checks what the group did.
//
// [Run] starts a group in this process or in child processes, or uses a running group. It
// loads the group with clients, one session each, and returns a [report.Report]: latencies
// from HDR histograms, and the results of the ordering checks of package check. The keys are
// loaded first. The checks cover this and the warm-up too, but the figures do not.
//
//	cfg := bench.Defaults()
//	cfg.Nodes, cfg.Writes = 3, 0.2
//	r, err := bench.Run(ctx, cfg, program.Env{Notices: os.Stderr})
//	if err == nil {
//		err = r.WriteTables(os.Stdout, 80)
//	}
//
// A client is a closed loop: it sends an operation when it has the answer to the last one. With
// a rate it follows a schedule instead. Then latency counts from the time at which the
// schedule wanted the operation to begin, so that a stalled group cannot hide the operations
// that should have begun meanwhile (Gil Tene calls this coordinated omission).
//
// With Config.Faults the nodes and the registry are processes. A schedule of package fault
// says when they are killed, paused, cut off from each other and started again; its times
// count from the end of the warm-up. Nodes reach each other through a proxy of package
// netfault. Clients reach them directly and fail over. A client's error is excused only if
// faults were under way for all of the operation's time. For each fault, the report has the
// longest time without a success until the next fault. For faults that overlap, this time
// counts from the end of the last one. The run fails if it is longer than a group may take,
// which is longer while links are slow, if a fault cannot be injected, or if a process crashes. In a closed loop, a client that waits
// for a write does not read, and this counts as time without reads.
//
// A run has these parts. Each client (package load) writes its operations into a logbook. Each
// node's deliveries go into a feed (package cluster). The auditor, one goroutine, takes both
// every few milliseconds, in the order in which operations ended, and passes them to the
// checks, the figures (package report) and the files. Clients wait while the auditor is behind,
// which bounds the memory of a run. The report shows how long they waited.
package bench
