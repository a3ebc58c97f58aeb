package sim

import (
	"bytes"
	"slices"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/sim/oracle"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/watch"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// answer is a reply that leaves the process at the end of the turn, and whom it goes to.
type answer struct {
	to    func(wire.Reply)
	reply wire.Reply
}

// waiter is who waits for the answer to a request.
type waiter struct {
	r     *replica
	to    func(wire.Reply)
	write bool
	began uint64   // number of the turn in which a read was handed in
	over  bool     // it has its answer, or has gone
	aside bool     // its answer comes from beside the turns
	opens *opening // a session; nil: it does not
}

// Answer is part of member.Waiter. What is answered leaves with the turn.
func (a *waiter) Answer(_ uint64, _ int, reply *wire.Reply) {
	r, counts := a.r, &a.r.w.counts
	if a.opens != nil && a.opens.gone {
		return // it was ordered before
	}
	if a.over {
		r.w.fail("answered: %s answers twice, or who has gone: %+v", r, *reply)
	}
	a.over = true
	r.waiting--
	r.p.Brink()
	switch {
	case reply.Status == wire.StatusTimeout && a.write && a.opens == nil:
		counts.LateWrites++
	case reply.Status == wire.StatusUnavailable && a.write && r.reader.Serves() && !r.reader.Leaving():
		counts.Full++
	case reply.Status == wire.StatusTooManySessions && reply.Position == 0:
		r.crowded(a.opens, reply)
	case reply.Status == wire.StatusTimeout:
		counts.LateReads++
	case !a.write && oracle.Final(reply.Status):
		r.w.checkLease(r)
		if !r.reader.Serves() {
			r.w.fail("lease: %s answers a read that has waited, and has no lease by its own clocks", r)
		}
		if counts.Turns != a.began {
			counts.Woken++
		}
	}
	if !r.lies() {
		kept := *reply
		kept.Data = bytes.Clone(reply.Data)
		r.replies = append(r.replies, answer{a.to, kept})
	}
}

// letOut lets the turn's replies out.
func (r *replica) letOut() {
	replies := r.replies
	r.replies = r.replies[:0]
	for i := range replies {
		r.p.Brink()
		replies[i].to(replies[i].reply)
		replies[i] = answer{}
	}
}

// take answers a client's request in place if it can, and hands it on if not.
func (r *replica) take(req *wire.Request, from *clientConn, to func(wire.Reply)) {
	refuse := func() { to(wire.Reply{Status: wire.StatusUnavailable}) }
	ofWatch := req.Kind == wire.RequestCredit || req.Kind == wire.RequestUnwatch // as in server
	if r.over || !r.reader.Serves() && !ofWatch {
		refuse()
		return
	}
	switch req.Kind {
	case wire.RequestGet:
		if data, version, position, ok := r.reader.Get(req.Key, req.Position); ok {
			r.w.checkLease(r)
			if !r.lies() {
				to(member.GetReply(bytes.Clone(data), version, position))
			}
			return
		}
		read := r.read(req, from, to)
		r.call(func(m *member.Member) {
			read.Waiter.(*waiter).began = r.w.counts.Turns
			m.Park(read)
		})
	case wire.RequestGetStrong:
		read := r.read(req, from, to)
		r.call(func(m *member.Member) {
			if r.reader.Serves() {
				if r.strongAt == r.w.counts.Turns {
					r.w.counts.Shared++ // nothing has left since the first of the turn
				}
				r.strongAt = r.w.counts.Turns
			}
			m.ReadStrong(read)
		})
	case wire.RequestWrite:
		if refusal := r.reader.Refuse(req.Command.Op.Operation()); refusal != nil {
			to(refusal.Reply())
			return
		}
		if r.reader.Leaving() {
			refuse()
			return
		}
		if req.Command.Op.Opens() {
			r.open(req, from, to)
			return
		}
		if !r.admits() {
			r.w.counts.Outside++
			r.outside = append(r.outside, func() { r.take(req, from, to) })
			return
		}
		r.waiting++
		r.gate.Admit(len(req.RawCommand))
		r.in.CommandOf(&from.account, req.Command.Session, req.RawCommand, member.Ticket{Waiter: &waiter{r: r, to: to, write: true}})
		r.wakeTurn()
	case wire.RequestWatch, wire.RequestUnwatch, wire.RequestCredit, wire.RequestScan:
		r.takeWatch(req, from, to)
	default:
		panic("sim: no such request")
	}
}

// admits reports whether another write may be under way. Once faults have stopped any may:
// a member with little room would not keep up with what has gathered.
func (r *replica) admits() bool { return r.gate.Open() || r.w.healed }

// letIn takes the writes that wait for admission, as far as there is room now, or, at a
// member that does not serve, to refuse them.
func (r *replica) letIn() {
	for len(r.outside) > 0 && (r.admits() || r.over || !r.reader.Serves()) {
		next := r.outside[0]
		r.outside = r.outside[1:]
		next()
	}
}

// read is a read that may wait.
func (r *replica) read(req *wire.Request, from *clientConn, to func(wire.Reply)) *member.Read {
	wait := r.w.traits.readTime
	if r.w.healed {
		wait = member.DefaultTimeout
	}
	r.waiting++
	who := &waiter{r: r, to: to}
	from.reads = append(slices.DeleteFunc(from.reads, func(a *waiter) bool { return a.over }), who)
	return &member.Read{
		Ticket:   member.Ticket{Waiter: who},
		Position: req.Position, Key: req.Key, Deadline: r.p.Steady() + wait, Account: &from.account,
	}
}

// forget drops a client's connection, and has the member forget who waits there.
func (r *replica) forget(c *wires.Conn) {
	i := slices.IndexFunc(r.clients, func(client *clientConn) bool { return client.conn == c })
	if i < 0 {
		return
	}
	reads, account, sink := r.clients[i].reads, &r.clients[i].account, r.clients[i].sink
	if r.hosting.hub != nil {
		r.callHub(func(hub *watch.Hub) { hub.Gone(sink) })
	}
	r.clients = slices.Delete(r.clients, i, i+1)
	if len(reads) == 0 {
		return
	}
	r.call(func(m *member.Member) {
		for _, a := range reads {
			if a.aside {
				a.over = true
			}
			if !a.over {
				a.over = true
				r.waiting--
				r.w.counts.Forgotten++
				if a.opens != nil {
					a.opens.gone = true
				}
			}
		}
		m.Forget(account)
	})
}
