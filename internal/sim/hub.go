package sim

import (
	"bytes"
	"time"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/watch"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// hosting hosts the hub of a replica's watches, beside its turns, in place of
// server/watch.go.
type hosting struct {
	hub     *watch.Hub // nil: there was no watch yet
	calls   []func(*watch.Hub)
	planned bool // a round is
	ticking bool // progress is reported now and then
}

// readyEvery is how often the hub looks whether a client has read what waited for it.
const readyEvery = 10 * time.Millisecond

// callHub has the hub do something in its next round.
func (r *replica) callHub(fn func(*watch.Hub)) {
	r.hosting.calls = append(r.hosting.calls, fn)
	r.wakeHub()
}

// wakeHub plans a round of the hub, unless it has nothing to do.
func (r *replica) wakeHub() {
	h := &r.hosting
	if h.planned || r.over || len(h.calls) == 0 && (h.hub == nil || h.hub.Idle()) {
		return
	}
	h.planned = true
	r.p.After(upTo(r.p.watches, 4*r.p.pace), r.hubRound)
}

// hubRound does what was asked for, and sends what may be sent.
func (r *replica) hubRound() {
	h := &r.hosting
	h.planned = false
	if r.over {
		return
	}
	if h.hub == nil || h.hub.Idle() {
		h.hub = watch.NewHub(r.reader.State())
	}
	calls := h.calls
	h.calls = nil
	for _, fn := range calls {
		fn(h.hub)
	}
	switch {
	case !r.reader.Serves() || r.damage.what != "":
		h.hub.End(wire.StatusUnavailable, "the node does not serve now")
	case h.hub.Step():
		r.wakeHub()
	case h.hub.Waits():
		r.p.After(readyEvery, func() {
			h.hub.Ready()
			r.wakeHub()
		})
	}
	if !h.ticking && !h.hub.Idle() {
		h.ticking = true
		r.progress()
	}
}

// progress tells clients now and then how far their watches have come, and ends those of a
// member that does not serve.
func (r *replica) progress() {
	r.p.After(r.w.traits.detection/8, func() {
		h := &r.hosting
		if h.ticking = !r.over && !h.hub.Idle(); !h.ticking {
			return
		}
		if r.reader.Serves() && r.damage.what == "" {
			h.hub.Progress()
		}
		r.wakeHub()
		r.progress()
	})
}

// sink is a node's end of a client's connection, for events. What was sent and not read yet is
// bounded as by the buffers of a connection.
type sink struct {
	conn   *wires.Conn
	client *client
	unread int
	come   []byte // to the client, which has not read it
	reads  bool   // the client is going to
}

// slowReader is how much may be unread before nothing more is sent.
const slowReader = 600

// Send is part of watch.Sink.
func (s *sink) Send(frames []byte) {
	b := bytes.Clone(frames)
	s.unread += len(b)
	s.conn.Send(0, len(b), func() {
		s.come = append(s.come, b...)
		s.read()
	})
}

// Room is part of watch.Sink.
func (s *sink) Room() bool { return s.unread <= slowReader }

// read has the client read what has come, after a while if it is slow.
func (s *sink) read() {
	if s.reads {
		return
	}
	s.reads = true
	s.client.w.After(s.client.slowness(), func() {
		s.reads = false
		if s.conn.Ends[0].Closed {
			return
		}
		b, n := s.come, len(s.come)
		s.come = nil
		s.conn.Send(1, 0, func() { s.unread -= n })
		for len(b) > 0 {
			var body []byte
			body, b = wire.FirstFrame(b)
			s.client.events(s.conn, body)
		}
	})
}

// takeWatch takes a request about watches or scans.
func (r *replica) takeWatch(req *wire.Request, from *clientConn, to func(wire.Reply)) {
	switch req.Kind {
	case wire.RequestWatch:
		q, err := wire.DecodeWatchQuery([]byte(req.Key))
		if err != nil {
			r.w.fail("protocol: %s is asked for a watch by %q: %v", r, req.Key, err)
			return
		}
		read := r.read(req, from, to)
		read.Position = max(read.Position, q.After)
		read.Reached = func(_ *member.Member, p *member.Read) {
			p.Waiter.(*waiter).taken()
			r.callHub(func(hub *watch.Hub) {
				if r.damage.what != "" {
					to(wire.Reply{Status: wire.StatusUnavailable})
					return
				}
				to(hub.Watch(from.sink, &q))
			})
		}
		r.call(func(m *member.Member) { m.Park(read) })
	case wire.RequestUnwatch:
		r.callHub(func(hub *watch.Hub) { hub.Unwatch(from.sink, req.Position) })
	case wire.RequestCredit:
		number, n, err := wire.DecodeCredit([]byte(req.Key))
		if err != nil {
			r.w.fail("protocol: %s is granted %q: %v", r, req.Key, err)
			return
		}
		r.callHub(func(hub *watch.Hub) { hub.Credit(from.sink, number, n) })
	default:
		r.takeScan(req, from, to)
	}
}

// takeScan makes a page of a scan, beside the turns.
func (r *replica) takeScan(req *wire.Request, from *clientConn, to func(wire.Reply)) {
	q, err := wire.DecodeScanQuery([]byte(req.Key))
	if err != nil {
		r.w.fail("protocol: %s is asked for a scan by %q: %v", r, req.Key, err)
		return
	}
	read := r.read(req, from, to)
	read.Position = max(read.Position, q.At)
	read.Reached = func(_ *member.Member, p *member.Read) {
		a := p.Waiter.(*waiter)
		a.taken()
		r.p.After(upTo(r.p.watches, 4*r.p.pace), func() {
			if r.over {
				return
			}
			reply := watch.Page(r.reader.State(), &q, func() {})
			r.call(func(m *member.Member) {
				if a.over {
					return // its client has gone
				}
				if !r.reader.Serves() {
					reply = wire.Reply{Status: wire.StatusUnavailable}
				}
				a.aside = false
				r.waiting++
				m.Answer(p.Ticket, reply)
			})
		})
	}
	r.call(func(m *member.Member) { m.Park(read) })
}

// taken notes that the member has nothing more to do with a read, whose answer comes from
// elsewhere.
func (a *waiter) taken() {
	a.aside = true
	a.r.waiting--
}

// lookBack holds what a replica keeps of the past against the order: all variables at a
// position, and one of them, sometimes where the replica may not know it any more.
func (r *replica) lookBack() {
	w := r.w
	if w.traits.agreed || r.damage.ever || !chance(r.p.watches, 0.05) {
		return
	}
	s := r.reader.State()
	kept, applied := s.Kept(), s.Applied()
	position := kept
	switch r.p.watches.IntN(4) {
	case 0:
	case 1:
		position = kept - min(kept, 1+r.p.watches.Uint64N(5))
	default:
		position += r.p.watches.Uint64N(applied - kept + 1)
	}
	o := w.order(r.generation)
	if position < o.span.base {
		return
	}
	items, _, _, err := s.ScanAt(nil, store.Range{}, position, store.Page{Items: 1000, Bytes: 1 << 20, Visits: 1000})
	if (err != nil) != (position < kept) {
		w.fail("past: %s at %d keeps what has changed since %d, and a scan at %d returns %v", r, applied, kept, position, err)
	}
	if err == nil {
		w.counts.Past++
		o.checker.Scan(&check.Scan{Name: r.name, Position: position, Items: scanItems(items)})
	}
	key := variableName(r.p.watches.IntN(w.traits.keys))
	value, version, err := s.GetAt(key, position)
	if err != nil && position >= kept {
		w.fail("past: %s at %d keeps what has changed since %d, and a read at %d returns %v", r, applied, kept, position, err)
	}
	if err != nil {
		return
	}
	one := check.Scan{Name: r.name, From: key, To: key + "\x00", Position: position}
	if version != 0 {
		one.Items = []history.Item{history.NewItem(key, version, value)}
	}
	o.checker.Scan(&one)
}

func scanItems(items []store.Item) (list []history.Item) {
	for _, i := range items {
		list = append(list, history.NewItem(i.Key, i.Version, i.Value))
	}
	return list
}
