// Package store is the state of a replica: a deterministic state machine that
// applies the commands of the total order, and reads beside it.
//
// # Applying
//
// A [Store] has one owner, which passes it one message after the other:
//
//	s := store.New(store.Limits{})
//	var out store.Outcome
//	for d := range deliveries {
//		s.ApplyMessage(d.First, d.Count, d.Payload, &out)
//		// out.Results[i] answers the command at d.First + i.
//	}
//
// Commands in, results out: there is no clock, no randomness and no map order
// in it, so replicas that apply the same commands have the same results and the
// same [Store.Digest]. The version of a variable is the position of the command
// that wrote it. Every command takes one position and gets one result, whatever
// is wrong with it.
//
// # Sessions
//
// A session is opened by an OpOpenSession, whose position becomes its id, and
// lives until it is closed or, by ordered ticks, SessionTTL passes without any
// command of it. A write carries (Session, Seq, Floor). It is executed if Seq is
// new to the session, and its result recorded, also when that is a failure. From
// then on the same Seq is answered with the recorded result, whose Position is
// that of the execution, until a higher Floor shows that the client no longer needs
// it. A Seq below the floor is never executed. So a client may send a write again,
// to any replica, until it receives a result: the write takes effect once.
// Sequences may arrive in any order, unless a write names its predecessor, Prev.
// Such a write is executed only after its predecessor, or once the predecessor is
// below the floor and can no longer be executed. Asynchronous writes name their
// predecessors. So they take effect in the client's order, even if some are lost.
//
// These refusals are not recorded, and the same Seq may be sent again:
// StatusBadRequest for a session or sequence of 0 or a floor or a predecessor
// above the sequence, StatusSessionExpired, StatusStaleSequence,
// StatusTooManyResults, StatusOutOfOrder. Every command
// that names a living session renews it.
//
// A session that an OpOpenLocked opens has a lock, which the store keeps and members judge by.
//
// A session that an OpOpenTimed opens has a TTL of its own, and may own variables, which
// expire when it ends. A variable may have a TTL, too. Their time passes with OpClock: see
// timers.go, timed.go and owners.go.
//
// # Reads
//
// Any goroutine may call [Store.Get] at any time. It takes no lock in the common case,
// and returns the position that its answer reflects. A session that requires position
// p waits until Get answers from p or later. The value is shared and must not be
// changed.
//
// # Snapshots
//
// [Store.Snapshot] takes the state at the current position in constant time;
// another goroutine encodes it in chunks while the owner continues:
//
//	snapshot := s.Snapshot() // by the owner
//	go func() {
//		defer snapshot.Close()
//		for more := true; more; {
//			chunk, more, err = snapshot.Next(chunk[:0], maxBytes)
//			... // send
//		}
//	}()
//
// and elsewhere:
//
//	r := store.Restore(store.Limits{})
//	... // r.Chunk(b) for each chunk
//	s, err := r.Finish()
//
// A snapshot computes its digest from the bytes that it encodes, and the restorer
// from those that it decodes. Both compare it with the digest that the store has
// updated with each command.
//
// # Audits
//
// An OpAudit at position p makes every replica report its digest of the state before p
// in its [Notes]. Each member then orders an OpAuditVote with that digest. When all
// voters have voted, every replica notes the same verdict. A member whose digest differs
// must leave. The store updates these digests with each command. [Store.Verify] compares
// them with the data in memory, slice by slice; each audit begins the next share. A newer
// audit replaces one without a verdict. A vote gets StatusBadRequest if it is for another
// audit, from a member that is not a voter, or the second of its voter.
package store
