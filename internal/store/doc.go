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
//		// out.Results[i] answers whoever submitted the command at d.First + i.
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
// that of the execution, until a higher Floor tells that nobody wants it any
// more. A Seq below the floor is never executed. So a client may send a write
// again, to any replica, until it hears of a result: it takes effect once.
// Sequences may arrive in any order, unless a write names its predecessor, Prev:
// then it is executed only once that one has been, or is below the floor, so that
// it never will be. An asynchronous write does, so that the writes of a client
// that does not wait for their results take effect in its order whichever of them
// get lost on which way.
//
// These refusals are not recorded, and the same Seq may be sent again:
// StatusBadRequest for a session or sequence of 0 or a floor or a predecessor
// above the sequence, StatusSessionExpired, StatusStaleSequence,
// StatusTooManyResults, StatusOutOfOrder. Every command
// that names a living session renews it.
//
// # Reads
//
// [Store.Get] may be called by anyone at any time, takes no lock in the common
// case, and tells which position its answer reflects. A session that must not
// see less than position p waits until Get answers from p or later. The value is
// shared: it must not be written to.
//
// # Snapshots
//
// [Store.Snapshot] takes the state at the present position in constant time;
// another goroutine encodes it in chunks while the owner goes on:
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
// A snapshot computes its digest afresh from what it encodes, and so does the
// restorer from what it decodes; both compare it with the one that the store has
// kept up to date command by command.
//
// # Audits
//
// An OpAudit at position p makes every replica report its digest of the state
// before p, in its [Notes]; each member then has an OpAuditVote with it
// ordered, and when all voters have voted, every replica notes the same
// verdict. A member that finds itself among the differing has
// to leave. These digests are kept, command by command. [Store.Verify] compares what is
// in memory with them, a slice at a time of the share that each audit begins. A newer audit replaces one that has not come to its verdict. A vote
// for another audit, of no voter, or a second one, is StatusBadRequest.
package store
