package wires

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// Links are a member's links with others: what decides is what ships (internal/link), over
// connections of the virtual network. They are what a member knows as its links.
type Links struct {
	LinksConfig
	node   *link.Node
	lines  []*line // by the peers' incarnations
	dirty  []*line
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

	// Dead takes why a link is given up until the next view or attempt.
	Dead func(peer isis.MemberID, why error)

	// Fail takes how a peer breaks the protocol of links. It does not return.
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

// LinkCounts say what became of links.
type LinkCounts struct {
	Messages  uint64 `name:"messages between members"`
	Resumed   uint64 `name:"links resumed"`
	DeadLinks uint64 `name:"links dead until the next view"`
	Revived   uint64 `name:"links that began again"`
	Partial   uint64 `name:"writes of which a connection took a part"`
	Unproved  uint64 `name:"greetings without proof" rare:"yes"`
}

// GreetingBytes is about how long a greeting is, or the answer to it.
const GreetingBytes = 100

// What the simulation has small, or short.
const (
	maxRecordBytes = 1 << 20
	confirmBytes   = 4 << 10
)

// NewLinks returns the links of a member, none at first.
func NewLinks(cfg LinksConfig) *Links {
	r := &Links{LinksConfig: cfg, node: link.NewNode(link.Config{
		Self: cfg.Self, Group: cfg.Group, Generation: cfg.Generation,
		Limits:       link.Limits{MaxRecordBytes: maxRecordBytes, MaxKeptBytes: cfg.KeptBytes},
		ConfirmBytes: confirmBytes, SilenceLimit: cfg.Detection / 2, RedialMin: link.LeastRedial, RedialMax: link.MostRedial,
		Random: cfg.Random.Float64,
	})}
	r.lookAfter()
	return r
}

// AppendPeers appends how the links are.
func (r *Links) AppendPeers(dst []link.Status) []link.Status {
	for _, l := range r.lines {
		dst = append(dst, l.end.Status())
	}
	return dst
}

// Overflow has the links with some peers take themselves for full.
func (r *Links) Overflow(with func(peer isis.MemberID) bool) {
	for _, l := range r.lines {
		if l.end.Dead() == nil && with(l.peer) {
			l.end.Die(link.ErrFull)
			l.act()
		}
	}
}

// Close ends all links.
func (r *Links) Close() {
	r.closed = true
	for _, l := range r.lines {
		l.close()
	}
}

// SetPeers says which nodes to be linked with, by their incarnations.
func (r *Links) SetPeers(peers []link.Peer) {
	old := r.lines
	r.lines = make([]*line, 0, len(peers))
	for _, p := range peers {
		l := find(old, p.MemberID)
		if l == nil {
			l = &line{r: r, peer: p.MemberID, end: r.node.Link(p.MemberID)}
		}
		r.lines = append(r.lines, l)
		l.end.Set(p)
		l.act()
	}
	for _, l := range old {
		if find(r.lines, l.peer) == nil {
			l.close()
		}
	}
}

// find returns the line with a peer, nil if there is none.
func find(lines []*line, peer isis.MemberID) *line {
	i := slices.IndexFunc(lines, func(l *line) bool { return l.peer == peer })
	if i < 0 {
		return nil
	}
	return lines[i]
}

// Send adds a message to the stream.
func (r *Links) Send(to isis.MemberID, m *isis.Message) {
	l := find(r.lines, to)
	if l == nil {
		return
	}
	if b := l.end.Reserve(64 + len(m.Payload)); b != nil {
		l.end.Commit(transport.AppendMessage(b, m))
	}
	l.act()
	if !l.dirty {
		l.dirty = true
		r.dirty = append(r.dirty, l)
	}
}

// Flush writes what was sent.
func (r *Links) Flush() {
	for _, l := range r.dirty {
		l.dirty = false
		l.end.Flush()
		l.act()
		r.Process.Brink()
	}
	r.dirty = r.dirty[:0]
}

// lookAfter looks after every link, again and again.
func (r *Links) lookAfter() {
	if r.closed {
		return
	}
	r.Process.After(r.Ping, r.lookAfter)
	for _, l := range r.lines {
		l.end.Tick(r.Process.Steady())
		l.act()
	}
}

// line is a link, and its connection.
type line struct {
	r      *Links
	peer   isis.MemberID
	end    *link.Link
	dirty  bool
	closed bool
	at     *attachment // the newest connection, nil if there is none
	pauses uint64      // the number of the pause before the next dial
}

// attachment is a connection in use, or in its handshake.
type attachment struct {
	c      *Conn
	side   int    // this member's end of it
	number uint64 // by which the link knows it
	in     *link.Inbound
	frames *wire.FrameReader
	came   []byte // and not read by frames yet
}

var errConnection = errors.New("the connection is over")

// act does what the link wants done.
func (l *line) act() {
	for do := l.end.Todo(); do != 0; do = l.end.Todo() {
		if do&link.Died != 0 {
			l.r.Counts.DeadLinks++
			l.r.Dead(l.peer, l.end.Dead())
		}
		if do&link.Revived != 0 {
			l.r.Counts.Revived++
		}
		if do&link.Drop != 0 {
			l.hangUp()
		}
		if do&link.Dial != 0 {
			l.dial()
		}
		if do&link.Write != 0 && l.at != nil {
			l.write(l.at)
		}
	}
}

// write writes what may be written, as far as the connection takes it.
func (l *line) write(a *attachment) {
	b := l.end.Unsent()
	n := a.c.TryWrite(1-a.side, b)
	if n < len(b) {
		l.r.Counts.Partial++
	}
	l.end.Wrote(a.number, l.end.Sent()+uint64(n))
}

func (l *line) close() {
	l.closed = true
	l.end.Close()
	l.act()
	l.hangUp()
}

// failed ends a connection that did not come about.
func (l *line) failed(why error) {
	l.end.Failed(why)
	l.hangUp()
}

// hangUp closes the connection, and dials again after a pause.
func (l *line) hangUp() {
	if l.at == nil {
		return
	}
	a := l.at
	l.at = nil
	a.c.Close(a.side)
	l.redial()
}

// redial dials after a pause.
func (l *line) redial() {
	if !l.end.Dials() || l.closed {
		return
	}
	l.pauses++
	number := l.pauses
	l.r.Process.After(l.end.Redial(), func() {
		if l.pauses == number {
			l.dial()
		}
	})
}

// dial connects to the peer, and begins the handshake.
func (l *line) dial() {
	if l.closed || l.at != nil {
		return
	}
	l.pauses++
	target := l.r.Find(l.end.Status().Addr)
	if target == nil {
		l.redial()
		return
	}
	hello, number := l.end.Hello()
	c := l.r.Network.Connect(l.r.Site, l.r.Process, target.Where(), target)
	a := &attachment{c: c, number: number}
	l.at = a
	failed := func() {
		if l.at == a && a.in == nil {
			l.failed(errConnection)
		}
	}
	c.Ends[0].OnClose = failed
	l.r.Process.After(l.r.Detection, failed) // the handshake's time
	c.Send(1, GreetingBytes, func() {
		target.Links().greeted(c, &hello, func(reply wire.HelloReply) {
			c.Send(0, GreetingBytes, func() { l.answered(a, &reply) })
		})
	})
}
