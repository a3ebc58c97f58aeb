// Package watch decides what the watches of a node's clients are sent: which changes, in
// which order, and when a watch has to wait or ends. It is pure. Package server hosts it.
//
// A [Hub] follows the changes of a store, which are kept in one bounded log: see
// store.Store.AppendChanges. A watch is a cursor in that log. Most watches are live: they
// have been sent all that the hub has seen, and share its cursor. For them, each change is
// looked up once among all ranges that are watched, and encoded once for each connection,
// whatever the number of its watches. A watch that may not be sent more, since its client
// has granted no more bytes or does not read its connection, falls behind and gets a cursor
// of its own. It costs nobody else anything, and holds nothing but that number. If the log
// forgets the changes at its cursor, the watch ends with StatusLagged and the position up to
// which it was sent everything.
//
// # Guarantees
//
// For a watch that begins after position p, and each of its events:
//
//   - Events come in the order of their positions, each change once, and none is left out.
//   - The changes of one position come together, in their order. The last has Last set.
//   - A watch ends only because the client says so, with its connection, or with an EventEnded.
package watch
