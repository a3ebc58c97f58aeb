// Package keeper decides what a registry does around package membership. It saves a
// change before it sends it to any node, refuses changes while it cannot save, retries,
// and gives each node that watches the directives that are new to it.
//
// It does no I/O, starts no goroutine and reads no clock. Package registry runs it over
// HTTP and a file, internal/sim over a simulated disk and network.
//
//	k, err := keeper.Open(state, now, store, told) // saves that the registry has started
//	...
//	d, err := k.Heartbeat(now, from, report)       // a change, saved, and the answer to it
//	k.Tick(now)                                    // several times per heartbeat interval
//	...
//	w := k.Watch(from, wake)                       // wake is called when there may be news
//	d, err := k.Next(w)                            // nil: nothing new for this watch
//
// A Keeper is not safe for concurrent use. Its owner holds a lock during each call, also
// while the state is being saved, so that other calls see either none or all of a change.
package keeper
