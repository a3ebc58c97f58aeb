package sim

import (
	"math/rand/v2"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// sessionBounds are how many sessions there may be at a time: of all clients, 0: any number, and of
// one client that has a name.
type sessionBounds struct{ all, client int }

// drawSessions decides how many sessions there may be. Mostly there is room for all but the client
// that leaks them. A program has room for all.
func (t *traits) drawSessions(r *rand.Rand, o Options) {
	t.sessions.client = pick(r, 2, 4, 12)
	if r.IntN(6) == 0 {
		t.sessions.all = t.clients + r.IntN(6)
	}
	if o.Steps > 0 {
		t.sessions = sessionBounds{client: 12}
	}
}

// opening is a request for a session at a node.
type opening struct {
	client string // that asks, "" if it has no name
	told   uint64 // the highest position that any client had been told when the request came
	gone   bool   // the client; what was ordered before is answered all the same
}

// open has the member open a session for a client, as package server does.
func (r *replica) open(req *wire.Request, from *clientConn, to func(wire.Reply)) {
	cmd := req.Command
	if r.reader.FeatureLevel() >= wire.LevelLocks {
		cmd.Lock(from.account.Lock)
	}
	p := r.read(req, from, to)
	who := p.Waiter.(*waiter)
	who.write, who.opens = true, &opening{client: cmd.Key, told: r.w.order(r.generation).told}
	r.call(func(m *member.Member) { m.Open(p, &cmd) })
}

// crowded holds that a member which refuses a session by itself, at the position that it has
// applied, reflects all that clients had been told when the request came, and that there is no
// room in the order there.
func (r *replica) crowded(a *opening, reply *wire.Reply) {
	w := r.w
	w.counts.RefusedOpens++
	if w.traits.agreed { // the order is known in the end only
		return
	}
	o := w.order(r.generation)
	if r.applied < a.told {
		w.fail("sessions: %s refuses a session at %d, and clients had been told of %d when it was asked", r, r.applied, a.told)
	}
	if of, most := o.oracle.Crowded(a.client, r.applied); of != reply.Number || uint64(most) != reply.Version {
		w.fail("sessions: %s refuses %q a session at %d for bound %d of %d, which is %d of %d", r, a.client, r.applied, reply.Version, reply.Number, most, of)
	}
}
