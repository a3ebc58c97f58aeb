package link

import (
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// The pauses between dials that transport and the simulation use by default.
const (
	LeastRedial = 10 * time.Millisecond
	MostRedial  = 500 * time.Millisecond
)

// Config is what the links of a node have in common. There are no defaults.
type Config struct {
	Self              isis.MemberID
	Group, Generation uint64 // only nodes of the same are linked with
	Limits

	// ConfirmBytes is how much a link takes before it confirms that by itself.
	ConfirmBytes int

	// SilenceLimit is how long nothing may be heard on a connection.
	SilenceLimit time.Duration

	// RedialMin and RedialMax are the first and the longest pause between dials.
	RedialMin, RedialMax time.Duration

	// Random returns a number from 0 up to 1.
	Random func() float64
}

// Node is one incarnation of a node. Its links may be guarded by different locks.
type Node struct {
	cfg    Config
	epochs atomic.Uint64 // the last that a stream began with
	dials  atomic.Uint64 // the number of the last
}

// NewNode returns a node without links.
func NewNode(cfg Config) *Node { return &Node{cfg: cfg} }

// Link returns the node's end of a link with a peer.
func (n *Node) Link(peer isis.MemberID) *Link {
	l := &Link{node: n, peer: peer, pause: n.cfg.RedialMin}
	l.begin(nil)
	return l
}

// Judge returns what a Hello asks for, or the reply that refuses it. The links there are
// have the given peers. A node that is refused tries again: it may just have come before
// its peer learned of it.
func (n *Node) Judge(h *wire.Hello, peers iter.Seq[isis.MemberID]) (Greeting, *wire.HelloReply) {
	refuse := func(status wire.Status, format string, args ...any) (Greeting, *wire.HelloReply) {
		return Greeting{}, &wire.HelloReply{Status: status, Info: n.info(), Message: fmt.Sprintf(format, args...)}
	}
	version, err := wire.Negotiate(h.MinVersion, h.MaxVersion)
	if err != nil {
		return refuse(wire.StatusVersion, "%v", err)
	}
	g, err := decodeGreeting(h.Extra)
	if err != nil || h.Role != wire.RolePeer {
		return refuse(wire.StatusBadRequest, "not the handshake of a peer")
	}
	if h.Group != n.cfg.Group || h.Generation != n.cfg.Generation {
		return refuse(wire.StatusGeneration, "this node is of group %x, generation %d, not of group %x, generation %d",
			n.cfg.Group, n.cfg.Generation, h.Group, h.Generation)
	}
	if g.To != n.cfg.Self {
		return refuse(wire.StatusUnavailable, "this is %s, not %s", n.cfg.Self, g.To)
	}
	why := fmt.Sprintf("%s is not a peer of %s (yet)", g.From, n.cfg.Self)
	for peer := range peers {
		switch {
		case peer == g.From && n.dialsTo(peer):
			return refuse(wire.StatusBadRequest, "the node with the higher incarnation dials")
		case peer == g.From:
			g.version = version
			return g, nil
		case peer.ID == g.From.ID:
			why = fmt.Sprintf("%s is linked as %s", g.From, peer)
		}
	}
	return refuse(wire.StatusUnavailable, "%s", why)
}

// dialsTo reports whether this end of a link dials: the node that started later does.
func (n *Node) dialsTo(peer isis.MemberID) bool { return n.cfg.Self.Incarnation > peer.Incarnation }

// info is who answers.
func (n *Node) info() wire.Info {
	return wire.Info{
		Group: n.cfg.Group, Generation: n.cfg.Generation, NodeID: n.cfg.Self.ID, Incarnation: n.cfg.Self.Incarnation,
	}
}
