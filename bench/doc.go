// Package bench loads a group and proves what the group did.
//
// [Run] starts a group in this process, or as processes of its own, or joins a
// running one; drives it with clients, one session each; and returns a
// [report.Report]: how fast operations were, from HDR histograms, and what the
// ordering checks of package check found. The keys are preloaded, and the
// preloading and the warm-up are checked like everything else, though they do
// not count in the figures.
//
//	cfg := bench.Defaults()
//	cfg.Nodes, cfg.Writes = 3, 0.2
//	r, err := bench.Run(ctx, cfg, program.Env{Notices: os.Stderr})
//	if err == nil {
//		err = r.WriteTables(os.Stdout, 80)
//	}
//
// A client is a closed loop: it asks for the next thing when it has the answer
// to the last. With a rate it follows a schedule instead, and latency counts
// from the moment when the schedule wanted the operation to begin, so that a
// group which stalls cannot hide the operations that should have begun
// meanwhile (what Gil Tene calls coordinated omission).
//
// With Config.Faults the nodes and the registry are processes that are killed,
// paused, cut off from each other and started again, as a schedule of package
// fault says, whose times count from the end of the warm-up. They reach each other
// through a proxy of package netfault; clients reach them directly, stay with the
// group rather than with a node, and lose no operation but for want of time: faults
// must have stood in its way for all of it. The report has the longest time without
// a success from each fault on until the next one, and the run fails if that is
// longer than a group may take; of faults that overlap, from when the last of them
// is over. A fault that could not be made, and a process that crashes, fail the run
// as well. In a closed loop
// clients that wait for a write read nothing meanwhile, which counts as a time
// without reads.
//
// How a run is put together: each client (package load) writes what it did into a logbook of
// its own; each node's deliveries go into a feed (package cluster); the auditor, one goroutine,
// empties all of them every few milliseconds, in the order in which operations
// ended, into the checks, the figures (package report) and the files. Clients wait when the
// auditor is behind, which bounds the memory of a run, and the report says for
// how long they did.
package bench
