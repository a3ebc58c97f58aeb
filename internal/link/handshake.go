package link

import (
	"crypto/hmac"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// meeting is the handshake of the newest dial.
type meeting struct {
	dial   uint64 // its number
	epoch  uint64 // of this end's claim
	theirs Claim
}

// Hello begins a dial: it returns what to say to the peer, and the number by which the
// connection is known from now on.
func (l *Link) Hello() (h wire.Hello, conn uint64) {
	n := l.node
	l.met = meeting{dial: n.dials.Add(1), epoch: l.out.epoch}
	h = wire.Hello{
		Role: wire.RolePeer, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion,
		Group: n.cfg.Group, Generation: n.cfg.Generation,
		Extra: Greeting{From: n.cfg.Self, To: l.peer, Dial: l.met.dial, Claim: l.claim()}.append(nil),
	}
	if l.key != (Key{}) {
		h.Extra = append(h.Extra, l.key.prove(h.Group, h.Generation, h.Extra)...)
	}
	return h, l.met.dial
}

// Answered takes the answer to the Hello of a dial. Without an error the connection can
// be attached.
func (l *Link) Answered(conn uint64, r *wire.HelloReply) error {
	if l.met.dial != conn {
		return ErrSuperseded
	}
	// A refusal without a claim comes from a node that has no such link.
	if len(r.Extra) > 0 || r.Status == wire.StatusOK {
		var err error
		if l.met.theirs, err = decodeClaim(r.Extra); err != nil {
			return err
		}
	}
	if r.Status == wire.StatusOK {
		return l.verify(&r.Info)
	}
	// A claim that does not fit has consequences, while the one that it was held
	// against is still this end's.
	if len(r.Extra) > 0 && l.verify(&r.Info) == nil && l.out.epoch == l.met.epoch {
		l.settle(l.met.theirs)
	}
	return fmt.Errorf("%w: %s", ErrRefused, r.Message)
}

// verify checks that an answer comes from the peer.
func (l *Link) verify(from *wire.Info) error {
	self := l.node.info()
	switch {
	case from.Group != self.Group || from.Generation != self.Generation:
		return fmt.Errorf("%w: %s of group %x, generation %d, answers in place of %s of group %x, generation %d", ErrRefused, from.NodeID,
			from.Group, from.Generation, l.peer, self.Group, self.Generation)
	case from.NodeID == l.peer.ID && from.Incarnation == l.peer.Incarnation:
		return nil
	case from.NodeID == self.NodeID && from.Incarnation == self.Incarnation:
		return fmt.Errorf("%w: the address of %s leads to this node itself", ErrRefused, l.peer)
	default:
		return fmt.Errorf("%w: %s#%d answers in place of %s#%d", ErrRefused, from.NodeID, from.Incarnation, l.peer.ID, l.peer.Incarnation)
	}
}

// Greeted takes a dial of the peer, and ends the use of all older connections. If the
// dialler does not prove that it is the peer, ErrUnproved is returned, and Unproved is the
// answer. If there was a newer dial already, ErrSuperseded is returned: then this one is
// closed without an answer. Neither changes anything.
func (l *Link) Greeted(g Greeting) error {
	if !l.proved(g) && !planted.On(planted.GreetingUnjudged) {
		return ErrUnproved
	}
	if g.Dial <= l.met.dial {
		return ErrSuperseded
	}
	l.drop(ErrSuperseded)
	l.met = meeting{dial: g.Dial, theirs: g.Claim}
	return nil
}

// proved reports whether a greeting comes from the peer, as far as that can be known: a peer
// without a key proves nothing.
func (l *Link) proved(g Greeting) bool {
	n := &l.node.cfg
	return l.key == (Key{}) || hmac.Equal(g.proof, l.key.prove(n.Group, n.Generation, g.signed))
}

// Unproved is the answer to a greeting that does not prove who sends it. It may be the
// peer's, if that does not know its key yet: then it dials again.
func (l *Link) Unproved(g Greeting) *wire.HelloReply {
	return &wire.HelloReply{
		Status: wire.StatusUnavailable, Version: g.version, Info: l.node.info(),
		Message: fmt.Sprintf("the greeting does not prove that %s sends it (yet)", g.From),
	}
}

// Meet answers the newest dial. With wire.StatusOK the connection can be attached once the
// answer is written.
func (l *Link) Meet(g Greeting) wire.HelloReply {
	r := wire.HelloReply{Status: wire.StatusOK, Version: g.version, Info: l.node.info()}
	if l.met.dial != g.Dial || l.dead != nil || !l.settle(g.Claim) {
		r.Status, r.Message = wire.StatusUnavailable, ErrNotReady.Error()
		if l.dead != nil {
			r.Message = fmt.Sprintf("the link is dead until the next view or attempt: %v", l.dead)
		}
	}
	l.met.epoch = l.out.epoch
	r.Extra = l.claim().append(nil)
	return r
}

// Attach puts the connection of the newest dial into use, whose ends have exchanged their
// claims. It returns the receiving end for the one that reads the connection.
func (l *Link) Attach(conn uint64, now time.Duration) (*Inbound, error) {
	switch {
	case l.dead != nil:
		return nil, l.dead
	case l.met.dial != conn:
		return nil, ErrSuperseded
	case !l.settle(l.met.theirs) || l.out.epoch != l.met.epoch:
		return nil, ErrNotReady
	}
	l.out.resume(l.met.theirs)
	l.conn, l.since, l.pause = conn, now, l.node.cfg.RedialMin
	l.looked = l.out.flushed + 1 // no ping at the first Tick
	l.write()
	return l.in, nil
}

// settle decides by the peer's claim how to go on, and does it. True means that the two
// ends fit.
func (l *Link) settle(theirs Claim) bool {
	switch l.out.meet(theirs) {
	case restart:
		l.begin(ErrPeerLost)
	case lost:
		l.Die(ErrPeerLost)
	}
	return l.dead == nil && l.out.meet(theirs) == resume
}

// claim is what to say to the peer.
func (l *Link) claim() Claim {
	return Claim{Epoch: l.out.epoch, PeerEpoch: l.out.peerEpoch, Received: l.in.received.Load(), Dead: l.dead != nil}
}
