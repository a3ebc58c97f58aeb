package transport

import (
	"cmp"
	"slices"
	"time"

	peer "github.com/seed-8247e700/dsm/internal/link"
)

// PeerStatus tells how a link is.
type PeerStatus = peer.Status

// Peers returns the state of every link, in order of the peers' incarnations.
func (n *Network) Peers() []PeerStatus { return n.AppendPeers(nil) }

// AppendPeers appends what Peers returns.
func (n *Network) AppendPeers(dst []PeerStatus) []PeerStatus {
	start := len(dst)
	for _, l := range *n.links.Load() {
		dst = append(dst, l.status())
	}
	slices.SortFunc(dst[start:], func(a, b PeerStatus) int {
		return cmp.Compare(a.Incarnation, b.Incarnation)
	})
	return dst
}

func (l *link) status() PeerStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := PeerStatus{
		Peer:      Peer{MemberID: l.peer, Addr: l.addr},
		Connected: l.cur != nil,
		Dead:      l.dead,
		Heard:     time.Duration(l.heard.Load()),
		KeptBytes: l.out.Kept(),
	}
	if l.cur == nil {
		s.Broken = l.broken
	}
	return s
}
