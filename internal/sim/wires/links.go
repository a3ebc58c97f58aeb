package wires

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	peerlink "github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/internal/transport/stream"
	"github.com/seed-8247e700/dsm/isis"
)

// Links are a member's links with others, as package transport has them: the streams and
// the codec are real. They are what a member knows as its links.
type Links struct {
	LinksConfig
	links  []*link // by the peers' incarnations
	view   uint64  // of the last SetPeers
	epochs uint64
	dirty  []*link
	closed bool
	come   isis.Message // the latest
}

// LinksConfig describes a member's links.
type LinksConfig struct {
	Self              isis.MemberID
	Group, Generation uint64
	Site              int
	Process           Process
	Network           *Network
	Random            *rand.Rand
	Detection, Ping   time.Duration
	KeptBytes         int
	Counts            *LinkCounts

	// Find returns the process that listens at an address, nil if none does.
	Find func(addr string) Listener

	// Receive takes a message, which is used again.
	Receive func(from isis.MemberID, m *isis.Message)

	// Dead is told why a link is given up until a later view.
	Dead func(peer isis.MemberID, why error)

	// Fail is told that a peer breaks the protocol of links. It does not return.
	Fail func(format string, args ...any)
}

// Process is a process with links.
type Process interface {
	Owner
	Steady() time.Duration // by its steady clock
	After(d time.Duration, what func())
	Brink() // a point at which it may crash
}

// Listener is a process that others dial.
type Listener interface {
	Owner
	Where() (site int)
	Links() *Links // nil: none
}

// LinkCounts tell what became of links.
type LinkCounts struct {
	Messages  uint64 `name:"messages between members"`
	Resumed   uint64 `name:"links resumed"`
	DeadLinks uint64 `name:"links dead until the next view"`
}

// NewLinks returns the links of a member, none at first.
func NewLinks(cfg LinksConfig) *Links {
	r := &Links{LinksConfig: cfg}
	r.lookAfter()
	return r
}

// link is this member's end of the link with one peer, over any number of connections.
type link struct {
	r      *Links
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
	incoming *Conn
	dead     bool
	deadView uint64

	attempt uint64
	dialing *Conn
	pause   time.Duration
}

// inbound is the receiving end of one epoch.
type inbound struct {
	receipt         stream.Receipt
	confirmed, told uint64
}

// attachment is a connection in use.
type attachment struct {
	c       *Conn
	side    int // this member's end of it
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

// AppendPeers appends how the links are.
func (r *Links) AppendPeers(dst []peerlink.Status) []peerlink.Status {
	for _, l := range r.links {
		s := peerlink.Status{Peer: peerlink.Peer{MemberID: l.peer, Addr: l.addr}, Connected: l.cur != nil, Heard: l.heard}
		if l.dead {
			s.Dead = errPeerLost
		}
		dst = append(dst, s)
	}
	return dst
}

// Overflow has the links with some peers take themselves for full.
func (r *Links) Overflow(with func(peer isis.MemberID) bool) {
	for _, l := range r.links {
		if !l.dead && with(l.peer) {
			l.die(stream.ErrFull)
		}
	}
}

// Close ends all links.
func (r *Links) Close() {
	r.closed = true
	for _, l := range r.links {
		l.close()
	}
}

// SetPeers says which nodes to be linked with.
func (r *Links) SetPeers(view uint64, peers []peerlink.Peer) {
	if view < r.view {
		return
	}
	r.view = view
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

func (r *Links) newLink(peer isis.MemberID) *link {
	r.epochs++
	return &link{
		r: r, peer: peer, dials: r.Self.Incarnation > peer.Incarnation, in: &inbound{},
		out: stream.New(r.epochs, stream.Limits{MaxRecordBytes: maxRecordBytes, MaxKeptBytes: r.KeptBytes}),
	}
}

// byIncarnation orders links.
func byIncarnation(l *link, incarnation uint64) int {
	return cmp.Compare(l.peer.Incarnation, incarnation)
}

func (r *Links) linkWith(incarnation uint64) *link {
	if i, found := slices.BinarySearchFunc(r.links, incarnation, byIncarnation); found {
		return r.links[i]
	}
	return nil
}

// Send adds a message to the stream.
func (r *Links) Send(to isis.MemberID, m *isis.Message) {
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

// Flush writes what was sent.
func (r *Links) Flush() {
	for _, l := range r.dirty {
		l.dirty = false
		if l.closed {
			continue
		}
		l.out.Flush(l.in.receipt.Received())
		l.in.told = l.in.receipt.Received()
		l.push()
		r.Process.Brink()
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
	a.c.Write(1-a.side, bytes.Clone(b))
	l.out.Wrote(l.out.Sent() + uint64(len(b)))
}

// lookAfter breaks connections that are silent, and pings on those that are quiet,
// again and again.
func (r *Links) lookAfter() {
	if r.closed {
		return
	}
	r.Process.After(r.Ping, r.lookAfter)
	now := r.Process.Steady()
	for _, l := range r.links {
		a := l.cur
		if a == nil || !l.confirm() {
			continue
		}
		switch silence := now - max(l.heard, a.since); {
		case silence >= r.Detection/2:
			l.breakOff(a)
		case a.quiet:
			l.ping()
		}
		a.quiet = true
	}
}

// die gives up on the stream until a later view.
func (l *link) die(why error) {
	l.r.Dead(l.peer, why)
	l.r.Counts.DeadLinks++
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
	a.c.Close(a.side)
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
		l.dialing.Close(0)
		l.dialing = nil
	}
	if l.incoming != nil {
		l.incoming.Close(1)
	}
	l.beginAnew()
}

// received takes bytes from the connection.
func (l *link) received(a *attachment, data []byte) {
	if l.r.closed || a.in != l.in || l.closed {
		return
	}
	l.heard = l.r.Process.Steady()
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
			l.r.Fail("link: %s#%d from %s#%d: %v", l.r.Self.ID, l.r.Self.Incarnation, l.peer.ID, l.peer.Incarnation, err)
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
	if l.r.come, err = transport.DecodeMessage(body); err != nil {
		return err
	}
	l.r.Counts.Messages++
	l.r.Receive(l.peer, &l.r.come)
	return nil
}
