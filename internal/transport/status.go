package transport

import (
	"cmp"
	"slices"
	"time"
)

// PeerStatus tells how a link is.
type PeerStatus struct {
	Peer
	Connected bool
	Dead      error     // why nothing can be sent before a later view; nil if it can
	Broken    error     // why there is no connection, if there is none and it is known
	LastHeard time.Time // when anything was last received, zero if never
	KeptBytes int       // sent, or to be sent, and not confirmed
}

// Peers returns the state of every link, in order of the peers' incarnations.
func (n *Network) Peers() []PeerStatus {
	links := *n.links.Load()
	peers := make([]PeerStatus, 0, len(links))
	for _, l := range links {
		peers = append(peers, l.status())
	}
	slices.SortFunc(peers, func(a, b PeerStatus) int {
		return cmp.Compare(a.Incarnation, b.Incarnation)
	})
	return peers
}

func (l *link) status() PeerStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := PeerStatus{
		Peer:      Peer{MemberID: l.peer, Addr: l.addr},
		Connected: l.cur != nil,
		Dead:      l.dead,
		KeptBytes: l.out.Kept(),
	}
	if l.cur == nil {
		s.Broken = l.broken
	}
	if heard := l.heard.Load(); heard != 0 {
		s.LastHeard = l.n.start.Add(time.Duration(heard))
	}
	return s
}
