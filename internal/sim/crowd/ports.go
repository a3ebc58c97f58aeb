package crowd

import (
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/transport"
	"github.com/seed-8247e700/dsm/isis"
)

// ports are a node's links, which share a port in each direction. What is sent on a link
// arrives in order. Links that have something to send take turns, by segments; one that has
// a window under way waits, as TCP does.
type ports struct {
	n     *node
	links []*way        // by the peers' incarnations
	ready []*way        // that may send
	busy  bool          // the port sends
	free  time.Duration // when all that has been sent to the node has passed its port
}

// What a port sends at a time, and what a link may have under way.
const (
	segmentBytes = 64 << 10
	windowBytes  = 2 * segmentBytes
)

// way is what goes from one node to another.
type way struct {
	from, to *node
	status   link.Status // of the link, as the sender has it
	queue    []parcel
	left     int // bytes of the oldest that were not sent yet
	flying   int // bytes that have been sent and have not arrived
	segments []segment
	waits    bool // in ready
	used     bool // something was sent since it was looked at last
}

// parcel is a message, or a ping without one, and its bytes on the wire.
type parcel struct {
	msg  *isis.Message
	size int
}

// segment is what arrives together.
type segment struct {
	size    int
	parcels []parcel // that are whole with it
}

func newPorts(n *node) ports { return ports{n: n} }

// SetPeers is part of member.Links.
func (p *ports) SetPeers(peers []link.Peer) {
	old := p.links
	p.links = make([]*way, 0, len(peers))
	for _, peer := range peers {
		i := slices.IndexFunc(old, func(l *way) bool { return l.status.MemberID == peer.MemberID })
		if i >= 0 {
			old[i].status.Peer = peer
			p.links = append(p.links, old[i])
			continue
		}
		p.links = append(p.links, &way{
			from: p.n, to: p.n.w.nodes[peer.Incarnation],
			status: link.Status{Peer: peer, Connected: true, Heard: p.n.steady()},
		})
	}
}

// AppendPeers is part of member.Links.
func (p *ports) AppendPeers(dst []link.Status) []link.Status {
	for _, l := range p.links {
		dst = append(dst, l.status)
	}
	return dst
}

// find returns the link with a node, nil if there is none.
func (p *ports) find(peer isis.MemberID) *way {
	i, found := slices.BinarySearchFunc(p.links, peer.Incarnation, func(l *way, incarnation uint64) int {
		return int(int64(l.status.Incarnation) - int64(incarnation))
	})
	if !found {
		return nil
	}
	return p.links[i]
}

// Send is part of member.Links.
func (p *ports) Send(to isis.MemberID, m *isis.Message) {
	l := p.find(to)
	if l == nil {
		return
	}
	if m.Kind == isis.KindPropose && m.Seq > p.n.proposed {
		p.n.proposed = m.Seq
		p.n.underWay += len(m.Payload)
	}
	kept := *m
	kept.Acks = slices.Clone(m.Acks)
	l.push(parcel{&kept, p.n.w.size(m)})
}

func (l *way) push(p parcel) {
	l.used = true
	l.queue = append(l.queue, p)
	l.status.End += uint64(p.size)
	l.status.KeptBytes += p.size
	l.rise()
}

// ping uses links that were not used since it was called last.
func (p *ports) ping() {
	for _, l := range p.links {
		if !l.used && len(l.queue) == 0 {
			l.push(parcel{size: link.MarkBytes})
		}
		l.used = false
	}
	p.send()
}

// Flush is part of member.Links.
func (p *ports) Flush() { p.send() }

// rise has the port look at the link, if it may send something.
func (l *way) rise() {
	if !l.waits && len(l.queue) > 0 && l.flying < windowBytes {
		l.waits = true
		l.from.ready = append(l.from.ready, l)
	}
}

// send sends the next segment, unless the port is busy.
func (p *ports) send() {
	if p.busy || len(p.ready) == 0 || !p.n.alive {
		return
	}
	l := p.ready[0]
	p.ready = p.ready[1:]
	l.waits = false
	w, s := p.n.w, l.take()
	took := w.cfg.Port.Time(s.size)
	p.busy = true
	w.After(took, func() {
		p.busy = false
		p.send()
	})
	l.flying += s.size
	l.rise()
	to := &l.to.ports
	to.free = max(w.Now+took, to.free+took)
	l.segments = append(l.segments, s)
	w.At(to.free+w.cfg.Latency, l.arrive)
}

// take takes a segment off the queue.
func (l *way) take() (s segment) {
	for s.size < segmentBytes && len(l.queue) > 0 {
		if l.left == 0 {
			l.left = l.queue[0].size
		}
		n := min(l.left, segmentBytes-s.size)
		s.size += n
		if l.left -= n; l.left == 0 {
			s.parcels = append(s.parcels, l.queue[0])
			l.queue[0] = parcel{}
			l.queue = l.queue[1:]
		}
	}
	return s
}

// arrive hands over the oldest segment. What comes to a node that has crashed stays under way.
func (l *way) arrive() {
	if !l.to.alive || !l.from.alive {
		return
	}
	s := l.segments[0]
	l.segments[0] = segment{}
	l.segments = l.segments[1:]
	l.flying -= s.size
	l.status.KeptBytes -= s.size
	l.rise()
	l.from.send()
	back := l.to.find(l.from.self)
	if back == nil {
		return // the receiver has given the sender up
	}
	back.status.Heard = l.to.steady()
	back.status.Came += uint64(s.size)
	for _, p := range s.parcels {
		if p.msg != nil {
			l.to.in.Message(l.from.self, p.msg)
			l.to.wakeTurn()
		}
	}
}

// size is how many bytes a message has on the wire.
func (w *world) size(m *isis.Message) int {
	head := *m
	if m.Kind == isis.KindPropose {
		head.Payload = nil
	}
	w.frame = transport.AppendMessage(w.frame[:0], &head)
	return len(w.frame) + len(m.Payload) - len(head.Payload)
}
