// Package load is what clients do: what they ask for, when, in which values, and where they
// note what became of it.
//
// A [Workload] says what is asked for, a [Keyspace] names its variables. A [Source] opens
// clients; [Handles] are one, for a group of dsm. Clients are [Worker]s, each with a session
// ([Memory]) and a [Book] in which it notes every operation as a [Record].
//
//	w := load.Workload{Writes: 0.5, Keys: 1000, ValueBytes: 128, Seed: 1}
//	keys := load.NewKeyspace(&w, "mine/")
//	clock := load.NewClock()
//	stop, err := load.Start(ctx, 16, clock, handles, keys, book) // without pause
//	...
//	stop()
//
// Whoever needs phases, a rate or asynchronous writes has [NewClients], [Clients.Open],
// [Clients.Preload], and [Clients.Run] with a [Schedule]. Without a rate a client is a closed
// loop: it asks for the next thing when it has the answer to the last. With a rate it follows
// the schedule, and latency counts from the moment when the schedule wanted the operation to
// begin, so that a group which stalls cannot hide the operations that should have begun
// meanwhile (what Gil Tene calls coordinated omission).
//
// A [Logbook] is the book of one client whose records somebody else reads: it bounds what
// waits to be read, and tells since when the oldest operation under way has lasted.
// [Latencies] is what a book needs that only measures.
package load
