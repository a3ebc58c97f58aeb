package server

import (
	"context"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// take answers a request in place if it can, and hands it on if not. The
// request's bytes are in the reader's buffer.
func (c *clientConn) take(req *wire.Request) {
	if req.KeyTooLong() {
		c.refuseLong(req.ID, len(req.Key))
		return
	}
	if !c.f.reader.Serves() && !c.answersWithoutLease(req.Kind) {
		c.refuse(req.ID)
		return
	}
	switch req.Kind {
	case wire.RequestGet:
		if s := c.f.reader.State(); s.Applied() >= req.Position {
			reply := member.GetReply(s.Get(req.Key))
			reply.ID = req.ID
			c.reply(&reply)
			return
		}
		c.hand(c.parked(req), (*member.Member).Park)
	case wire.RequestWrite:
		if refusal := c.f.reader.Refuse(req.Command.Op.Operation()); refusal != nil {
			reply := refusal.Reply()
			reply.ID = req.ID
			c.reply(&reply)
			return
		}
		if c.f.reader.Leaving() {
			c.refuse(req.ID)
			return
		}
		if req.Command.Op.Opens() {
			c.open(req)
			return
		}
		w := clientWrite{id: req.ID, session: req.Command.Session, raw: req.RawCommand, dear: c.suspect.Load()}
		if w.dear {
			c.calls.Add(dearCall)
		}
		c.writes = append(c.writes, w)
		c.parks = true
		return
	case wire.RequestPing:
		c.reply(&wire.Reply{ID: req.ID, Position: c.f.reader.State().Applied()})
	default:
		c.takeRare(req)
	}
}

// refusesFrame refuses a large frame that begins to come, unless it may be so large.
func (c *clientConn) refusesFrame(begin []byte, size int) bool {
	may, id := wire.MayBeLarge(begin)
	if !may {
		c.inFlight.Add(1)
		c.refuseLong(id, size)
	}
	return !may
}

// refuseLong refuses a request whose key has so many bytes, or its frame. What came for nothing
// counts for a while.
func (c *clientConn) refuseLong(id uint64, bytes int) {
	calls := int64(1+bytes/refusedBytes) * dearCall
	c.calls.Add(calls)
	c.calledLater(&c.refused, calls, refusalRest, &c.f.resting)
	c.reply(&wire.Reply{ID: id, Status: wire.StatusBadRequest, Data: []byte("its key, or query, is longer than any that is allowed")})
}

// answersWithoutLease reports whether a request of this kind is answered by a
// member that has no lease: a question for its status is, and so is a plain read
// if the client accepts that it may be stale. What a client grants a watch is taken
// anyway: the lease may come back, and the watch would wait for it for good.
func (c *clientConn) answersWithoutLease(kind wire.RequestKind) bool {
	if kind == wire.RequestCredit || kind == wire.RequestUnwatch {
		return true
	}
	return c.f.reader.InView() && (kind == wire.RequestStatus || c.stale && (kind == wire.RequestGet || kind == wire.RequestList || kind == wire.RequestSessions))
}

// takeRare takes the requests whose answer needs the protocol loop.
func (c *clientConn) takeRare(req *wire.Request) {
	switch req.Kind {
	case wire.RequestGetStrong, wire.RequestBarrier:
		p := c.parked(req)
		p.Nothing = req.Kind == wire.RequestBarrier
		c.hand(p, (*member.Member).ReadStrong)
	case wire.RequestList:
		c.page(req, c.f.list)
	case wire.RequestScan:
		c.page(req, c.f.scan)
	case wire.RequestSessions:
		c.page(req, c.f.listSessions)
	case wire.RequestWatch, wire.RequestUnwatch, wire.RequestCredit:
		c.takeWatch(req)
	case wire.RequestStatus:
		c.f.statuses.ask(c, req.ID)
	case wire.RequestDigest:
		c.hand(c.dear(c.parked(req)), (*member.Member).Digest)
	case wire.RequestSubscribe:
		c.hand(c.parked(req), func(m *member.Member, p *member.Read) { c.subscribe(m, p.Tag) })
	default:
		c.reply(&wire.Reply{ID: req.ID, Status: wire.StatusBadRequest})
	}
}

// open has a session opened. That is dear, so that a client does not crowd out the writes of
// others with sessions.
func (c *clientConn) open(req *wire.Request) {
	cmd := c.f.openSession(c.client, c.account.Lock, &req.Command)
	c.hand(c.dear(c.parked(req)), func(m *member.Member, p *member.Read) { m.Open(p, cmd) })
}

// page has a page of something made once the position of the request is reached.
func (c *clientConn) page(req *wire.Request, begin func(*member.Member, *member.Read)) {
	p := c.dear(c.parked(req))
	p.Reached, p.Stale = begin, c.stale
	c.hand(p, (*member.Member).Park)
}

// parked copies a read out of the reader's buffer.
func (c *clientConn) parked(req *wire.Request) *member.Read {
	c.parks = true
	timeout := req.Timeout
	if timeout <= 0 {
		timeout = member.DefaultTimeout
	}
	return &member.Read{
		Ticket: member.Ticket{Waiter: c, Tag: req.ID}, Position: req.Position, Key: string([]byte(req.Key)),
		Deadline: c.f.reader.Clock().Steady() + timeout, Account: &c.account,
	}
}

// refuse answers a request that cannot be served here and now.
func (c *clientConn) refuse(id uint64) {
	c.reply(&wire.Reply{ID: id, Status: wire.StatusUnavailable})
}

// Bounds on the writes of one client that are under way: what more it sends waits
// until some are delivered. Otherwise one that sends without end would fill the
// queue that all wait in.
const (
	// maxUnderWay is what they may cost together. One is always taken.
	maxUnderWay = 1 << 20
	// commandCharge is what one costs beside its bytes: what is kept of it and of
	// who waits for it. So a client that does not wait for each may have about
	// 4,000 small ones under way, which the group orders in about 10 ms.
	commandCharge = 1 << 7
)

// chargeOf is what a command costs while it is under way.
func chargeOf(size int) int64 { return int64(size) + commandCharge }

// hasRoom tells whether the client may have another write under way.
func (c *clientConn) hasRoom(raw []byte) bool {
	n := c.underWay.Load()
	return n == 0 || n+chargeOf(len(raw)) <= maxUnderWay
}

// awaitRoom waits until there is room for a write, and tells whether there is: the
// replica may have ended.
func (c *clientConn) awaitRoom(raw []byte) bool {
	for !c.hasRoom(raw) {
		select {
		case <-c.room:
		case <-c.f.ended:
			return false
		}
	}
	return true
}

// answered takes note that a write is not under way any more.
func (c *clientConn) answered(size int) {
	c.underWay.Add(-chargeOf(size))
	c.signalRoom()
}

// signalRoom has the reader look again whether there is room.
func (c *clientConn) signalRoom() {
	select {
	case c.room <- struct{}{}:
	default: // it has not looked since the last time
	}
}

// submitWrites hands the burst's writes to the protocol loop at once, so that
// they go into one message. It waits for room.
func (c *clientConn) submitWrites() {
	if c.trySubmit() {
		return
	}
	c.beginWait()
	defer c.endWait()
	for !c.trySubmit() {
		if !c.awaitRoom(c.writes[0].raw) || !c.f.turns.awaitRoom(context.Background(), nil) {
			break
		}
	}
	for _, w := range c.writes {
		c.refuse(w.id)
	}
	clear(c.writes)
	c.writes = c.writes[:0]
}

// trySubmit is submitWrites as far as there is room, and tells whether nothing is
// left.
func (c *clientConn) trySubmit() bool {
	if len(c.writes) == 0 {
		return true
	}
	c.offered = 0
	taken := c.f.turns.submit((*clientBatch)(c))
	left := copy(c.writes, c.writes[taken:])
	clear(c.writes[left:])
	c.writes = c.writes[:left]
	return left == 0
}

// clientBatch is a connection as the batch of its writes.
type clientBatch clientConn

// add is part of batch.
func (b *clientBatch) add(in *member.Inbox) (size int) {
	c := (*clientConn)(b)
	if c.offered == len(c.writes) || !c.hasRoom(c.writes[c.offered].raw) {
		return 0
	}
	w := &c.writes[c.offered]
	c.offered++
	c.underWay.Add(chargeOf(len(w.raw)))
	t := member.Ticket{Waiter: c, Tag: w.id}
	if w.dear {
		t.Waiter = (*dearWaiter)(c)
	}
	in.CommandOf(&c.account, w.session, w.raw, t)
	return len(w.raw)
}
