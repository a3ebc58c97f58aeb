package transport

import (
	"context"
	"log/slog"
	"sync"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/isis"
)

// line is what a link needs to run: a lock, and the connection in use with what reads and
// writes it. What to do with them is for the link to say.
type line struct {
	n     *Network
	peer  isis.MemberID
	log   *slog.Logger
	dirty bool // in Network.dirty, and the same goroutine's

	ctx    context.Context // ends with the line
	cancel context.CancelFunc
	wake   chan struct{} // makes dial go on
	reader chan struct{} // full while a connection is being read: only one at a time, in order

	mu       sync.Mutex  // guards what follows; unlock gives it back
	end      *link.Link  // this node's end
	cur      *attachment // the connection in use, if there is one
	incoming func()      // accepting: closes the connection of the newest dial
}

func newLine(n *Network, peer isis.MemberID) *line {
	l := &line{
		n: n, peer: peer, end: n.node.Link(peer),
		log:  n.cfg.Logger.With("peer", peer.ID, "peer_incarnation", peer.Incarnation),
		wake: make(chan struct{}, 1), reader: make(chan struct{}, 1),
	}
	l.ctx, l.cancel = context.WithCancel(n.ctx)
	return l
}

// unlock does what the link wants done, and gives the lock back.
func (l *line) unlock() {
	for do := l.end.Todo(); do != 0; do = l.end.Todo() {
		l.do(do)
	}
	l.mu.Unlock()
}

// do does what a link wants done, with the lock held.
func (l *line) do(do link.Todo) {
	if do&link.Died != 0 {
		l.log.Warn("link is dead until the next view or attempt", "err", l.end.Dead())
	}
	if do&link.Revived != 0 {
		l.log.Info("link begins again")
	}
	if do&link.Drop != 0 {
		l.n.closeConn(l.cur.conn) // its reader and its writer notice
		l.cur = nil
	}
	if do&link.Dial != 0 {
		select {
		case l.wake <- struct{}{}:
		default: // it has not noticed the last one yet
		}
	}
	if do&link.Write != 0 {
		l.push()
	}
}

// set takes over what SetPeers says.
func (l *line) set(p Peer) {
	l.mu.Lock()
	defer l.unlock()
	l.end.Set(p)
}

// send adds a message to the stream.
func (l *line) send(m *isis.Message) {
	l.mu.Lock()
	defer l.unlock()
	if b := l.end.Reserve(sizeBound(m)); b != nil {
		l.end.Commit(AppendMessage(b, m))
	}
}

// flush lets out what was sent.
func (l *line) flush() {
	l.mu.Lock()
	defer l.unlock()
	l.end.Flush()
}

// tick looks after the connection.
func (l *line) tick() {
	l.mu.Lock()
	defer l.unlock()
	l.end.Tick(l.n.clock())
}

// close ends the line. It does not wait for its goroutines.
func (l *line) close() {
	l.mu.Lock()
	defer l.unlock()
	l.cancel()
	l.end.Close()
}

func (l *line) status() link.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end.Status()
}

// failed keeps the reason why no connection came about.
func (l *line) failed(why error) {
	l.mu.Lock()
	l.end.Failed(why)
	l.unlock()
	l.log.Debug("no link", "err", why)
}
