package transport

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/transport/stream"
	"github.com/seed-8247e700/dsm/isis"
)

var (
	// ErrSilent breaks a connection on which nothing is heard.
	ErrSilent = errors.New("transport: nothing heard from the peer")

	// ErrPeerLost makes a link dead whose other end has lost its state.
	ErrPeerLost = errors.New("transport: the peer began anew, what was sent to it may be lost")

	errClosed     = errors.New("transport: link closed")
	errSuperseded = errors.New("transport: superseded by a newer connection")
	errNotReady   = errors.New("transport: the peer's end of the link is not ready")
)

// link is this node's end of the link with one peer, over any number of
// connections, one at a time.
type link struct {
	n     *Network
	peer  isis.MemberID
	dials bool // this end does: it has the higher incarnation
	dirty bool // in Network.dirty, and the same goroutine's

	ctx    context.Context // ends with the link
	cancel context.CancelFunc
	wake   chan struct{} // tells dial not to pause
	reader chan struct{} // full while a connection is being read: only one at a time, in order
	heard  atomic.Int64  // Network.clock when something was last received, 0 if never

	mu       sync.Mutex // guards what follows
	addr     string
	view     uint64         // the last that SetPeers gave
	out      *stream.Stream // what goes to the peer
	in       *inbound       // what comes from it; a new one whenever the stream begins anew
	cur      *attachment    // the connection in use, if there is one
	newest   uint64         // accepting: the number of the peer's newest dial
	incoming func()         // accepting: closes the connection of that dial
	dead     error          // out has a gap: nothing is sent before a view later than deadView
	deadView uint64
	broken   error // why the last connection ended, or did not come about
	closed   bool
}

// inbound is the receiving end of one epoch. The reader of the connection owns
// the receipt and publishes what others need.
type inbound struct {
	receipt   stream.Receipt
	received  atomic.Uint64 // offset up to which the peer's stream was taken
	confirmed atomic.Uint64 // offset up to which the peer has taken ours
	told      atomic.Uint64 // received, as the peer was last told
}

func newLink(n *Network, peer isis.MemberID) *link {
	l := &link{
		n:      n,
		peer:   peer,
		dials:  n.cfg.Self.Incarnation > peer.Incarnation,
		wake:   make(chan struct{}, 1),
		reader: make(chan struct{}, 1),
		out: stream.New(n.epochs.Add(1), stream.Limits{
			MaxRecordBytes: n.cfg.MaxRecordBytes,
			MaxKeptBytes:   n.cfg.MaxKeptBytes,
		}),
		in: &inbound{},
	}
	l.ctx, l.cancel = context.WithCancel(n.ctx)
	return l
}

// enter takes over what SetPeers says.
func (l *link) enter(view uint64, addr string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	moved := l.addr != addr && l.addr != "" // a new link does not pause yet
	l.addr, l.view = addr, view
	revived := l.dead != nil && view > l.deadView
	if revived {
		l.n.cfg.Logger.Info("link begins anew", "peer", l.peer.ID, "peer_incarnation", l.peer.Incarnation, "view", view)
		l.dead = nil
	}
	if moved || revived {
		select {
		case l.wake <- struct{}{}:
		default: // it has not heard the last one yet
		}
	}
}

// send adds a message to the stream.
func (l *link) send(m *isis.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.dead != nil || !l.confirmLocked() {
		return
	}
	b := l.out.Reserve(sizeBound(m))
	if err := l.out.Commit(AppendMessage(b, m)); err != nil {
		l.dieLocked(err)
	}
}

// flush lets out what was sent.
func (l *link) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	received := l.in.received.Load()
	l.out.Flush(received)
	l.in.told.Store(received)
	l.pushLocked()
}

// confirmLocked drops what the peer has confirmed, and reports whether the link
// is still alive after that.
func (l *link) confirmLocked() bool {
	if err := l.out.Confirm(l.in.confirmed.Load()); err != nil {
		l.dieLocked(err)
		return false
	}
	return true
}

// pingLocked confirms what was received by itself, or along with what is there.
func (l *link) pingLocked() {
	received := l.in.received.Load()
	if err := l.out.Ping(received); err != nil {
		l.dieLocked(err)
		return
	}
	l.in.told.Store(received)
	l.pushLocked()
}

// tick breaks a connection that is silent, and sends a ping on one on which
// nothing else was written since the last tick.
func (l *link) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.cur
	if a == nil || !l.confirmLocked() {
		return
	}
	silence := l.n.clock() - max(time.Duration(l.heard.Load()), a.since)
	switch {
	case silence >= l.n.cfg.SilenceLimit:
		l.breakLocked(a, fmt.Errorf("%w for %v", ErrSilent, silence))
	case a.quiet && !a.writing:
		l.pingLocked()
	}
	a.quiet = true
}

// dieLocked gives up on the stream until a later view.
func (l *link) dieLocked(why error) {
	l.n.cfg.Logger.Warn("link is dead until a later view", "peer", l.peer.ID, "peer_incarnation", l.peer.Incarnation,
		"view", l.view, "err", why)
	l.dead, l.deadView = why, l.view
	l.beginAnewLocked(why)
}

// beginAnewLocked drops both streams and the connection.
func (l *link) beginAnewLocked(why error) {
	l.out.Reset(l.n.epochs.Add(1))
	l.in = &inbound{}
	if l.cur != nil {
		l.breakLocked(l.cur, why)
	}
}

// close ends the link. It does not wait for its goroutines.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.cancel()
	l.beginAnewLocked(errClosed)
}
