package transport

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/sparelog"
	"github.com/seed-8247e700/dsm/isis"
)

// Network is all links of one node. New makes one.
type Network struct {
	cfg      Config
	node     *link.Node
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	refusals sparelog.Gate

	// lines is replaced, never changed, so that Send needs no lock.
	lines atomic.Pointer[map[isis.MemberID]*line]

	dirty []*line // has something new since the last Flush; belongs to the caller of Send and Flush

	mu     sync.Mutex // guards what follows, and the replacement of lines
	closed bool
}

// New returns a Network without peers. Close it when done.
func New(cfg Config) (*Network, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	n := &Network{cfg: cfg, node: link.NewNode(cfg.link())}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.lines.Store(&map[isis.MemberID]*line{})
	n.running.Go(n.ping)
	return n, nil
}

// SetPeers says which nodes to be linked with: the other members, and joiners.
// Links to others are dropped, with what they kept. A link that is dead begins
// again when the peer's Bound has grown, or is 0.
func (n *Network) SetPeers(peers []Peer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	old := *n.lines.Load()
	next := make(map[isis.MemberID]*line, len(peers))
	for _, p := range peers {
		if p.MemberID == n.cfg.Self || next[p.MemberID] != nil {
			continue
		}
		l := old[p.MemberID]
		if l == nil {
			l = newLine(n, p.MemberID)
		}
		next[p.MemberID] = l
		l.set(p)
	}
	n.lines.Store(&next)
	for id, l := range old {
		if next[id] == nil {
			l.close()
		}
	}
	// Lines dial only once they can be found.
	for id, l := range next {
		if old[id] == nil && l.end.Dials() {
			n.running.Go(l.dial)
		}
	}
}

// Send adds a message to what goes to a peer. It never waits. The message may be
// reused after the call, its payload too. What is sent to a node that is no peer,
// or whose link is dead, is dropped. One goroutine at a time calls Send and
// Flush.
func (n *Network) Send(to isis.MemberID, m *isis.Message) {
	l := (*n.lines.Load())[to]
	if l == nil {
		return
	}
	l.send(m)
	if !l.dirty {
		l.dirty = true
		n.dirty = append(n.dirty, l)
	}
}

// Flush writes what was sent, with one write for each peer. It never waits:
// what a connection does not take at once is written by a goroutine, and what
// has no connection goes out with the next.
func (n *Network) Flush() {
	for i, l := range n.dirty {
		l.dirty = false
		l.flush()
		n.dirty[i] = nil
	}
	n.dirty = n.dirty[:0]
}

// Close ends all links and returns once everything has stopped: Receive is not
// called any more. It must not be called from within Receive.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	lines := maps.Clone(*n.lines.Load())
	n.lines.Store(&map[isis.MemberID]*line{})
	n.mu.Unlock()
	for _, l := range lines {
		l.close()
	}
	n.cancel()
	n.running.Wait()
}

// ping looks after every link once per PingInterval.
func (n *Network) ping() {
	ticker := time.NewTicker(n.cfg.PingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-ticker.C:
		}
		for _, l := range *n.lines.Load() {
			l.tick()
		}
	}
}

// adopt has the loop read a connection, if there is one and it can.
func (n *Network) adopt(conn net.Conn) net.Conn {
	if n.cfg.Loop == nil {
		return conn
	}
	adopted, err := n.cfg.Loop.Adopt(conn)
	if err != nil {
		if !errors.Is(err, evloop.ErrUnsupported) {
			n.cfg.Logger.Warn("a connection has to be read by a goroutine", "addr", conn.RemoteAddr(), "err", err)
		}
		return conn
	}
	return adopted
}

// closeConn closes a connection that is of no use any more.
func (n *Network) closeConn(c io.Closer) {
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		n.cfg.Logger.Debug("closing a connection", "err", err)
	}
}

// AppendPeers appends the state of every link, in order of the peers' incarnations.
func (n *Network) AppendPeers(dst []link.Status) []link.Status {
	start := len(dst)
	for _, l := range *n.lines.Load() {
		dst = append(dst, l.status())
	}
	slices.SortFunc(dst[start:], func(a, b link.Status) int {
		return cmp.Compare(a.Incarnation, b.Incarnation)
	})
	return dst
}

// clock is the time by the steady clock, and never 0.
func (n *Network) clock() time.Duration { return clock.Clock{}.Steady() }
