// Package load runs clients: it decides which operations they send, when, and with which
// values, and it records the results.
//
// A [Workload] describes the operations, and a [Keyspace] names the variables. A [Source] opens
// clients. [Handles] is the Source for a group of dsm. Clients are [Worker]s. Each has a session
// ([Memory]) and a [Book], in which it records every operation as a [Record].
//
//	w := load.Workload{Writes: 0.5, Keys: 1000, ValueBytes: 128, Seed: 1}
//	keys := load.NewKeyspace(&w, "mine/")
//	clock := load.NewClock()
//	stop, err := load.Start(ctx, 16, clock, handles, keys, book) // without pause
//	...
//	stop()
//
// For phases, a rate or asynchronous writes, use [NewClients], [Clients.Open], [Clients.Preload],
// and [Clients.Run] with a [Schedule]. Without a rate a client is a closed loop: it sends an
// operation when it has the answer to the last one. With a rate it follows the schedule, and
// latency counts from the time at which the schedule wanted the operation to begin.
//
// A [Logbook] is a Book that another goroutine reads. It bounds the records that are not read
// yet, and knows when the oldest operation under way began. [Latencies] is enough for a book
// that only measures.
package load
