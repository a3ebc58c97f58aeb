package sim

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// lock is that of the client's sessions. Its secret is as good as any that nobody else has.
func (c *client) lock() wire.Lock { return wire.Secret{1: byte(c.number), 0: 1}.Lock() }

// opens is the command by which a client opens a session, as the node that it asks has it ordered.
func (r *replica) opens(asked wire.Command, lock wire.Lock) []byte {
	if r.reader.FeatureLevel() >= wire.LevelLocks {
		asked.Lock(lock)
	}
	return asked.Append(nil)
}

// planThefts decides when clients try the sessions of others.
func (w *world) planThefts() {
	r := w.random.thefts
	if w.options.Without.Has(Theft) || w.options.Steps > 0 || r.IntN(3) > 0 {
		return
	}
	for at := w.traits.detection; at < w.traits.horizon; at += upTo(r, w.traits.detection) {
		w.At(at, w.thieve)
	}
}

// thieve has a client ask for something in the session of another, by its id. It goes for one
// whose order is known, and which has a lock: one without is for everybody. It does not write:
// if the session has ended, what it asks for is ordered and refused there, and the checks know
// the writes of all clients.
func (w *world) thieve() {
	r := w.random.thefts
	thief, victim := w.clients[r.IntN(len(w.clients))], w.clients[r.IntN(len(w.clients))]
	id, conn, generation := victim.state.session.ID(), thief.conn, thief.info
	if thief == victim || conn == nil || victim.state.bound != generation || w.traits.agreed || w.order(generation).oracle.Lock(id) == (wire.Lock{}) {
		return
	}
	cmd := wire.Command{Op: wire.OpCloseSession, Session: id}
	switch r.IntN(3) {
	case 0: // one that is yet to be opened, by whomever
		cmd = wire.Command{Op: wire.OpRenewSession, Session: victim.state.seen + 1 + uint64(r.IntN(20))}
	case 1:
		cmd.Op = wire.OpRenewSession
	}
	req := &wire.Request{ID: 1, Kind: wire.RequestWrite, Command: cmd, RawCommand: cmd.Append(nil), Timeout: time.Second}
	w.trace("theft: %s asks for %v in session %d", thief, cmd.Op, cmd.Session)
	conn.Send(1, w.requestBytes(req), func() {
		if r, from := serving(conn); r != nil {
			r.take(req, from, func(reply wire.Reply) { w.tried(thief, generation, &cmd, reply.Status) })
		}
	})
}

// tried holds that what a client asked for in a session of another was not ordered.
func (w *world) tried(thief *client, generation uint64, c *wire.Command, status wire.Status) {
	switch status {
	case wire.StatusNotOwner:
		w.counts.Faults[Theft]++
	case wire.StatusSessionExpired, wire.StatusUnavailable, wire.StatusTimeout, wire.StatusInterrupted:
		// There is no such session, or nothing is known of it.
	default:
		if lock := w.order(generation).oracle.Lock(c.Session); !thief.lock().Opens(lock) {
			w.fail("theft: %s has %v done in session %d of another, with status %d", thief, c.Op, c.Session, status)
		}
	}
}
