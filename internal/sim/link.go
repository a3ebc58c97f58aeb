package sim

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	peerlink "github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/internal/transport/stream"
	"github.com/seed-8247e700/dsm/isis"
)

// link is this replica's end of the link with one peer, over any number of
// connections, as package transport has it: the streams and the codec are real.
type link struct {
	r      *replica
	peer   isis.MemberID
	dials  bool // this end does: it has the higher incarnation
	dirty  bool
	closed bool
	addr   string
	view   uint64
	heard  time.Duration

	out      *stream.Stream
	in       *inbound
	cur      *attachment
	newest   uint64
	incoming *conn
	dead     bool
	deadView uint64

	attempt uint64
	dialing *conn
	pause   time.Duration
}

// inbound is the receiving end of one epoch.
type inbound struct {
	receipt         stream.Receipt
	confirmed, told uint64
}

// attachment is a connection in use.
type attachment struct {
	c       *conn
	side    int // this replica's end of it
	in      *inbound
	since   time.Duration
	quiet   bool
	partial []byte
}

const (
	maxRecordBytes = 1 << 20
	confirmBytes   = 4 << 10
	recordHead     = 4
)

// setPeers says which nodes to be linked with.
func (r *replica) setPeers(view uint64, peers []peerlink.Peer) {
	if view < r.linked {
		return
	}
	r.linked = view
	r.links = slices.DeleteFunc(r.links, func(l *link) bool {
		keep := slices.ContainsFunc(peers, func(p peerlink.Peer) bool { return p.Incarnation == l.peer.Incarnation })
		if !keep {
			l.close()
		}
		return !keep
	})
	for _, peer := range peers {
		i, found := slices.BinarySearchFunc(r.links, peer.Incarnation, byIncarnation)
		if !found {
			r.links = slices.Insert(r.links, i, r.newLink(peer.MemberID))
		}
		l := r.links[i]
		l.addr, l.view = peer.Addr, view
		if l.dead && view > l.deadView {
			l.dead = false
			if found && l.dials {
				l.pause = 0
				l.redial()
			}
		}
		if !found && l.dials {
			l.dial()
		}
	}
}

func (r *replica) newLink(peer isis.MemberID) *link {
	r.epochs++
	return &link{
		r: r, peer: peer, dials: r.self.Incarnation > peer.Incarnation, in: &inbound{},
		out: stream.New(r.epochs, stream.Limits{MaxRecordBytes: maxRecordBytes, MaxKeptBytes: r.w.traits.keptBytes}),
	}
}

// byIncarnation orders links.
func byIncarnation(l *link, incarnation uint64) int {
	return cmp.Compare(l.peer.Incarnation, incarnation)
}

func (r *replica) linkWith(incarnation uint64) *link {
	if i, found := slices.BinarySearchFunc(r.links, incarnation, byIncarnation); found {
		return r.links[i]
	}
	return nil
}

// send adds a message to the stream.
func (r *replica) send(to isis.MemberID, m *isis.Message) {
	l := r.linkWith(to.Incarnation)
	if l == nil || l.dead || !l.confirm() {
		return
	}
	if err := l.out.Commit(transport.AppendMessage(l.out.Reserve(64+len(m.Payload)), m)); err != nil {
		l.die(err)
	}
	if !l.dirty {
		l.dirty = true
		r.dirty = append(r.dirty, l)
	}
}

// flush writes what was sent.
func (r *replica) flush() {
	for _, l := range r.dirty {
		l.dirty = false
		if l.closed {
			continue
		}
		l.out.Flush(l.in.receipt.Received())
		l.in.told = l.in.receipt.Received()
		l.push()
		r.p.brink()
	}
	r.dirty = r.dirty[:0]
}

func (l *link) confirm() bool {
	if err := l.out.Confirm(l.in.confirmed); err != nil {
		l.die(err)
		return false
	}
	return true
}

func (l *link) ping() {
	if err := l.out.Ping(l.in.receipt.Received()); err != nil {
		l.die(err)
		return
	}
	l.in.told = l.in.receipt.Received()
	l.push()
}

// push writes what may be written.
func (l *link) push() {
	a := l.cur
	if a == nil {
		return
	}
	b := l.out.Unsent()
	if len(b) == 0 {
		return
	}
	a.quiet = false
	a.c.write(1-a.side, bytes.Clone(b))
	l.out.Wrote(l.out.Sent() + uint64(len(b)))
}

// lookAfterLinks breaks connections that are silent, and pings on those that are quiet,
// again and again.
func (r *replica) lookAfterLinks() {
	if r.over {
		return
	}
	r.p.after(r.w.traits.ping, r.lookAfterLinks)
	now := r.p.local()
	for _, l := range r.links {
		a := l.cur
		if a == nil || !l.confirm() {
			continue
		}
		switch silence := now - max(l.heard, a.since); {
		case silence >= r.w.traits.detection/2:
			l.breakOff(a)
		case a.quiet:
			l.ping()
		}
		a.quiet = true
	}
}

// die gives up on the stream until a later view.
func (l *link) die(why error) {
	if l.r.w.tracing() {
		l.r.w.trace("%s: the link with %s#%d is dead: %v", l.r, l.peer.ID, l.peer.Incarnation, why)
	}
	l.r.w.counts.DeadLinks++
	l.dead, l.deadView = true, l.view
	l.beginAnew()
}

func (l *link) beginAnew() {
	l.r.epochs++
	l.out.Reset(l.r.epochs)
	l.in = &inbound{}
	if l.cur != nil {
		l.breakOff(l.cur)
	}
}

// breakOff ends the use of a connection.
func (l *link) breakOff(a *attachment) {
	if l.cur != a {
		return
	}
	l.cur = nil
	a.c.close(a.side)
	if l.dials && !l.closed {
		l.redial()
	}
}

func (l *link) close() {
	if l.closed {
		return
	}
	l.closed = true
	if l.dialing != nil {
		l.dialing.close(0)
		l.dialing = nil
	}
	if l.incoming != nil {
		l.incoming.close(1)
	}
	l.beginAnew()
}

// received takes bytes from the connection.
func (l *link) received(a *attachment, data []byte) {
	if l.r.over || a.in != l.in || l.closed {
		return
	}
	l.heard = l.r.p.local()
	if len(a.partial) > 0 {
		data = append(a.partial, data...)
		a.partial = nil
	}
	for len(data) >= recordHead {
		size := int(binary.LittleEndian.Uint32(data))
		if len(data) < recordHead+size {
			break
		}
		body := data[recordHead : recordHead+size]
		data = data[recordHead+size:]
		if err := l.record(a, body); err != nil {
			l.r.w.fail("link: %s from %s#%d: %v", l.r, l.peer.ID, l.peer.Incarnation, err)
		}
	}
	if len(data) > 0 {
		a.partial = data
	}
	if a.in.receipt.Received()-a.in.told >= confirmBytes && l.cur == a {
		l.ping()
	}
}

// record takes one record.
func (l *link) record(a *attachment, body []byte) error {
	mark, isMark, err := a.in.receipt.Take(body)
	if err != nil {
		return err
	}
	if isMark {
		a.in.confirmed = max(a.in.confirmed, mark.Confirmed)
		return nil
	}
	m, err := transport.DecodeMessage(body)
	if err != nil {
		return err
	}
	l.r.w.counts.Messages++
	l.r.receive(l.peer, &m)
	return nil
}
