package sim

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// lock is that of the client's sessions. Its secret is as good as any that nobody else has.
func (c *client) lock() wire.Lock { return wire.Secret{1: byte(c.number), 0: 1}.Lock() }

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

// theft is what a client asks for in the session of another.
type theft struct {
	thief      *client
	generation uint64
	shown      wire.Lock // of the secret that it shows
	command    wire.Command
}

// thieve has a client ask for something in the session of another, by its id. It goes for one
// whose order is known, and which has a lock: one without is for everybody.
func (w *world) thieve() {
	r := w.random.thefts
	thief, victim := w.clients[r.IntN(len(w.clients))], w.clients[r.IntN(len(w.clients))]
	id, conn, generation := victim.state.session.ID(), thief.conn, thief.info
	if thief == victim || conn == nil || victim.state.bound != generation || w.traits.agreed {
		return
	}
	lock := w.order(generation).oracle.Lock(id)
	if lock == (wire.Lock{}) {
		return
	}
	t := &theft{thief: thief, generation: generation, command: w.loot(victim, lock)}
	// What it shows is its own secret, none, or the lock, which everybody may know.
	t.shown = pick(r, thief.lock(), thief.lock(), wire.Lock{}, wire.Secret(lock).Lock())
	w.report(t)
	cmd := &t.command
	req := &wire.Request{ID: 1, Kind: wire.RequestWrite, Command: *cmd, RawCommand: cmd.Append(nil), Timeout: time.Second}
	w.trace("theft: %s asks for %v in session %d", thief, cmd.Op, cmd.Session)
	conn.Send(1, w.requestBytes(req), func() {
		if r, _ := serving(conn); r != nil {
			r.take(req, &clientConn{account: member.Account{Lock: t.shown}}, func(reply wire.Reply) { w.tried(t, reply.Status) })
		}
	})
}

// loot is what a thief asks for. A write in the session has a number that its owner never comes to,
// and would make all that the owner writes stale.
func (w *world) loot(victim *client, lock wire.Lock) wire.Command {
	r := w.random.thefts
	w.thefts++
	high := uint64(1<<50) + w.thefts
	c := wire.Command{Session: victim.state.session.ID(), Key: variableName(r.IntN(w.traits.keys)), Seq: high, Floor: high}
	switch r.IntN(9) {
	case 0: // one that is yet to be opened, by whomever
		return wire.Command{Op: wire.OpRenewSession, Session: victim.state.seen + 1 + uint64(r.IntN(20))}
	case 1:
		return wire.Command{Op: wire.OpRenewSession, Session: c.Session}
	case 2:
		return wire.Command{Op: wire.OpCloseSession, Session: c.Session}
	case 3: // a session that has the owner's lock
		return wire.Command{Op: wire.OpOpenLocked, Value: wire.AppendLocked(nil, lock, "")}
	case 4:
		c.Op, c.Value = wire.OpTxn, (&wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: c.Key, Value: []byte("loot")}}}).Append(nil)
		c.Key = ""
	case 5:
		c.Op = wire.OpDelete
	case 6:
		c.Op, c.Delta = wire.OpAdd, 1000
	default:
		c.Op, c.Value = wire.OpSet, []byte("loot")
	}
	return c
}

// report tells the checks of a write that it must have no effect: it may be ordered, once the
// session has ended.
func (w *world) report(t *theft) {
	if c := &t.command; c.Op.IsWrite() {
		w.order(t.generation).checker.Complete(&history.Op{
			Client: t.thief.number, Kind: history.Kind(c.Op.String()), Key: c.Key, Value: c.Value, Delta: c.Delta,
			Session: c.Session, Seq: c.Seq, Loose: true, Start: int64(w.Now), End: int64(w.Now), Status: history.Fail,
		})
	}
}

// tried holds that what a client asked for in a session of another was not ordered.
func (w *world) tried(t *theft, status wire.Status) {
	c := &t.command
	switch {
	case status == wire.StatusNotOwner:
		w.counts.Faults[Theft]++
		if c.Op.IsWrite() {
			w.counts.TheftWrites++
		}
	case status == wire.StatusBadRequest && c.Op == wire.OpOpenLocked:
		w.counts.TheftOpens++
	case status == wire.StatusUnavailable:
		// Nothing is known of the session.
	case c.Op != wire.OpOpenLocked && (status == wire.StatusSessionExpired || status == wire.StatusTimeout || status == wire.StatusInterrupted):
		// There is no such session, or nothing is known of it.
	default:
		if lock := w.order(t.generation).oracle.Lock(c.Session); !t.shown.Opens(lock) || c.Op == wire.OpOpenLocked {
			w.fail("theft: %s has %v done in session %d of another, with status %d", t.thief, c.Op, c.Session, status)
		}
	}
}
