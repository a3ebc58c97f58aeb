// Package point puts any store of named values under the same load, and measures
// it with the same histograms, so that figures of different systems can be
// compared.
//
// A system is what opens clients; [Pool.Run] drives them through one [Work] and
// returns a [Result]:
//
//	pool := point.NewPool(system)
//	defer pool.Close()
//	if err := pool.Preload(ctx, point.Keys(10_000), 100); err != nil { ... }
//	result, err := pool.Run(ctx, point.Work{Kind: point.Writes, Clients: 256, ...})
//
// A client is a goroutine. In a closed loop it is one of package bench/load, whose values
// and histograms all points have. With a rate, operations are due by a schedule and
// wait for a client that is free, in the order in which they are due; latency
// counts from when an operation was due, so that a system which stalls cannot
// hide the operations that should have begun meanwhile (what Gil Tene calls
// coordinated omission). A system that cannot keep up has a backlog at the end,
// which is given up after a second: PerSecond is then below the rate, and the
// latencies are those of a queue that grows as long as the point lasts.
//
// The load generator has no part in how a system is used: pipelines, batches and
// pools belong to the system's own client.
package point
