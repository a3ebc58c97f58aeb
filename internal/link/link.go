package link

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/isis"
)

var (
	// ErrSilent breaks a connection on which nothing is heard.
	ErrSilent = errors.New("link: nothing heard from the peer")

	// ErrPeerLost makes a link dead whose other end has lost its state.
	ErrPeerLost = errors.New("link: the peer began again, what was sent to it may be lost")

	// ErrRefused says that a peer does not link. The dialler tries again: what was
	// refused too early may be accepted later.
	ErrRefused = errors.New("link: the peer refuses")

	// ErrClosed ends a link whose node or peer is not there any more.
	ErrClosed = errors.New("link: closed")

	// ErrSuperseded breaks a connection when the peer has dialled again.
	ErrSuperseded = errors.New("link: superseded by a newer connection")

	// ErrUnproved says that a dialler does not prove that it is the peer.
	ErrUnproved = errors.New("link: the greeting does not prove who sends it")

	// ErrNotReady says that one end cannot go on where the other one is.
	ErrNotReady = errors.New("link: the two ends do not fit")
)

// Todo is what a host has to do for a link.
type Todo uint8

// The parts of a Todo, in the order in which they are done.
const (
	Died    Todo = 1 << iota // log that the link is dead until its Bound grows: Dead says why
	Revived                  // log that it begins again
	Drop                     // close the connection that was attached
	Dial                     // dial without a pause
	Write                    // write what is Unsent
)

// Link is one end of the link with a peer, over any number of connections, one at a time.
// Calls of its methods need a lock, but for Heard and Dials.
type Link struct {
	node  *Node
	peer  isis.MemberID
	heard atomic.Int64  // the time when something was last received, 0 if never
	came  atomic.Uint64 // bytes

	addr   string
	bound  uint64
	key    Key
	out    stream   // what goes to the peer
	in     *Inbound // what comes from it; another one whenever the stream begins again
	met    meeting  // of the newest dial
	conn   uint64   // the attached connection, 0 if there is none
	since  time.Duration
	looked uint64 // how much had been let out at the last Tick
	pause  time.Duration
	todo   Todo

	dead   error // out has a gap: nothing is sent while bound is not above deadAt
	deadAt uint64
	broken error // why the last connection ended, or did not come about
}

// Dials reports whether this end dials.
func (l *Link) Dials() bool { return l.node.dialsTo(l.peer) }

// Todo returns what is to be done since the last call.
func (l *Link) Todo() Todo {
	do := l.todo
	l.todo = 0
	return do
}

// Set takes over where the peer listens, and its Bound.
func (l *Link) Set(p Peer) {
	moved := l.addr != p.Addr
	l.addr, l.bound, l.key = p.Addr, p.Bound, p.Key
	revived := l.dead != nil && (l.bound == 0 || l.bound > l.deadAt)
	if revived {
		l.dead = nil
		l.todo |= Revived
	}
	if l.Dials() && (moved || revived) {
		l.pause = l.node.cfg.RedialMin
		l.todo |= Dial
	}
}

// Close ends the link: it is dead, and Set is not called again.
func (l *Link) Close() {
	l.dead = ErrClosed
	l.begin(ErrClosed)
}

// Die gives up on the stream until Bound grows.
func (l *Link) Die(why error) {
	l.begin(why)
	l.broken = why
	if l.bound == 0 {
		l.todo |= Revived
		return
	}
	l.dead, l.deadAt = why, l.bound
	l.todo |= Died
}

// Dead returns why nothing can be sent, nil if it can.
func (l *Link) Dead() error { return l.dead }

// begin drops both streams and the connection.
func (l *Link) begin(why error) {
	l.out = stream{limits: l.node.cfg.Limits, epoch: l.node.epochs.Add(1)}
	l.in = &Inbound{most: uint64(l.node.cfg.ConfirmBytes)}
	l.drop(why)
}

// drop ends the use of the attached connection, if there is one.
func (l *Link) drop(why error) {
	if l.conn != 0 {
		l.conn, l.broken = 0, why
		l.todo |= Drop
	}
}

// Broke takes why a connection that was attached has ended. If it was dropped before, the
// reason of that stands in Status.
func (l *Link) Broke(conn uint64, why error) {
	if l.conn == conn {
		l.drop(why)
	}
}

// Failed takes why no connection came about.
func (l *Link) Failed(why error) { l.broken = why }

// Redial returns how long to pause before the next dial. Pauses double, and each is
// shortened at random by up to a half, so that nodes which lost their links together do
// not come back together.
func (l *Link) Redial() time.Duration {
	pause := l.pause
	l.pause = min(2*pause, l.node.cfg.RedialMax)
	return pause - time.Duration(l.node.cfg.Random()*float64(pause/2+1))
}

// Heard takes that some bytes were received at a time, which is not 0. Any goroutine may
// call it.
func (l *Link) Heard(now time.Duration, bytes int) {
	l.heard.Store(int64(now))
	l.came.Add(uint64(bytes))
}

// Tick breaks a connection that is silent, and sends a ping on one on which nothing else
// was sent since the last Tick. It is called as often as a connection has to be used.
func (l *Link) Tick(now time.Duration) {
	if l.conn == 0 || !l.confirm() {
		return
	}
	silence := now - max(time.Duration(l.heard.Load()), l.since)
	switch {
	case silence >= l.node.cfg.SilenceLimit:
		l.drop(fmt.Errorf("%w for %v", ErrSilent, silence))
	case l.looked == l.out.flushed && len(l.out.unsent()) == 0:
		l.ping()
	}
	l.looked = l.out.flushed
}

// Status returns how the link is.
func (l *Link) Status() Status {
	s := Status{
		Peer:      Peer{MemberID: l.peer, Addr: l.addr},
		Connected: l.conn != 0,
		Dead:      l.dead,
		Heard:     time.Duration(l.heard.Load()),
		Came:      l.came.Load(),
		KeptBytes: l.out.kept(),
		End:       l.out.end(),
	}
	if l.conn == 0 {
		s.Broken = l.broken
	}
	return s
}
