// Package keeper decides what a registry does around package membership: it saves a
// change before anybody hears of it, refuses changes while it cannot save, tries again,
// and gives each node that watches what is new to it.
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
//	d, err := k.Next(w)                            // nil: nothing that this watch has not had
//
// A Keeper is not safe for concurrent use: its owner holds a lock over each call, also
// while the state is being saved, so that others see either none or all of a change.
package keeper
