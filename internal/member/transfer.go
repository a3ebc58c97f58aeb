package member

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/internal/wire/codec"
	"github.com/seed-8247e700/dsm/isis"
)

// Transfer is a joiner's side of one connection to a donor: the state comes in chunks,
// with deliveries between them, and then deliveries as they happen. It belongs to
// whoever reads the connection, except while [Member.Take] takes what it has.
type Transfer struct {
	self       isis.MemberID
	group      uint64
	generation uint64
	donor      link.Peer
	clock      clock.Clock
	lag        int // bytes of deliveries that may wait beside as many as the state has taken

	restorer *store.Restorer // of the state that is on its way, nil: it has come
	size     int             // bytes of it so far
	state    *store.Store    // that has come, and was not taken
	backlog  []observedDelivery
	waiting  int // bytes of the backlog
	followed bool

	burst []observedDelivery
	head  uint64 // as the donor said in this burst
	began time.Duration
}

// observedDelivery is a donor's delivery that keeps nothing of the frame.
type observedDelivery isis.Delivery

func (m *Member) newTransfer(donor link.Peer) *Transfer {
	restorer := store.Restore(m.limits)
	restorer.KeepHistory(m.historyBytes)
	return &Transfer{
		self: m.self, group: m.group, generation: m.generation, donor: donor, clock: m.clock, lag: m.maxLagBytes,
		restorer: restorer, head: headUnknown,
	}
}

// Donor is whom to dial, and where.
func (t *Transfer) Donor() link.Peer { return t.donor }

// Hello is the greeting of the donor.
func (t *Transfer) Hello() wire.Hello {
	return wire.Hello{
		Role: wire.RoleObserve, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion,
		Group: t.group, Generation: t.generation,
		Extra: wire.JoinerExtra(t.self.Incarnation),
	}
}

// Welcome takes the answer to the greeting. An error is the end of the transfer.
func (t *Transfer) Welcome(reply *wire.HelloReply) error {
	if err := t.expectDonor(&reply.Info); err != nil {
		return err
	}
	switch reply.Status {
	case wire.StatusOK:
		return nil
	case wire.StatusBadRequest:
		return fmt.Errorf("%w: %s", ErrAdvertised, reply.Message)
	default:
		return fmt.Errorf("server: the donor refuses: %s", reply.Message)
	}
}

// expectDonor checks that it is the donor that has answered at its address.
func (t *Transfer) expectDonor(found *wire.Info) error {
	donor, addr := t.donor, t.donor.Addr
	switch {
	case found.Incarnation == 0: // it has not registered yet, and refuses for that
	case found.Group == t.group && found.Incarnation == t.self.Incarnation && found.NodeID == t.self.ID:
		return fmt.Errorf("%w: %s, advertised by %s, leads to this node itself: give %s --advertise with an address that other hosts can dial",
			ErrUnreached, addr, donor.MemberID, donor.ID)
	case found.Group != t.group:
		return fmt.Errorf("%w: %s, advertised by %s, is the address of %s of another group (%x)", ErrUnreached, addr, donor.MemberID, found.NodeID, found.Group)
	case found.Incarnation != donor.Incarnation || found.NodeID != donor.ID:
		return fmt.Errorf("%w: %s, advertised by %s, is the address of %s#%d", ErrUnreached, addr, donor.MemberID, found.NodeID, found.Incarnation)
	}
	return nil
}

// JoinPatience is how long a joiner may take for a part of the snapshot, whose old
// versions the store keeps meanwhile, and its donor for the next frame of it.
const JoinPatience = 10 * time.Second

// Patience is how long the next frame may take, 0: as long as it likes.
func (t *Transfer) Patience() time.Duration {
	if t.restorer == nil {
		return 0
	}
	return JoinPatience
}

// Read takes the frames that one read of the connection brings, or at least one. It is
// called again once Member.Take has taken what there is, if there is Work. It returns
// wire.ErrAgain if there are no frames now. Another error is the end of the transfer.
func (t *Transfer) Read(frames *wire.FrameReader) error {
	following := t.restorer == nil
	if following && t.began == 0 {
		t.began = t.clock.Steady()
	}
	for {
		kind, body, err := frames.Next()
		if err != nil {
			return err
		}
		if following {
			err = t.follow(kind, body)
		} else {
			err = t.load(kind, body)
		}
		if err != nil || t.state != nil {
			return err
		}
		if frames.Buffered() {
			continue
		}
		if !frames.Drained() && t.clock.Steady()-t.began < headPatience {
			t.head = headUnknown // there is more to come: that was long ago
		}
		return nil
	}
}

// Work reports whether there is something for Member.Take.
func (t *Transfer) Work() bool {
	return t.restorer == nil && (t.state != nil || len(t.backlog) > 0 || len(t.burst) > 0 || t.head != headUnknown)
}

// load takes a frame of the snapshot, or a delivery between two. Those may take as much
// memory as the state has taken so far, and MaxLagBytes.
func (t *Transfer) load(kind byte, body []byte) (err error) {
	switch kind {
	case wire.FrameChunk:
		t.size += len(body)
		return t.restorer.Chunk(body)
	case wire.FrameDelivery:
		d, err := ownDelivery(body)
		if err != nil {
			return err
		}
		t.backlog = append(t.backlog, d)
		if t.waiting += len(d.Payload); t.waiting > t.lag+t.size {
			return fmt.Errorf("%w: %d bytes, and %d of the state", ErrOutrun, t.waiting, t.size)
		}
		return nil
	case wire.FrameLoaded:
		t.state, err = t.restorer.Finish()
		t.restorer = nil
		return err
	case wire.FrameRefused:
		return refusal(body)
	default:
		return fmt.Errorf("%w: frame of kind %d in a snapshot", wire.ErrMalformed, kind)
	}
}

// follow takes a frame that comes after the snapshot.
func (t *Transfer) follow(kind byte, body []byte) error {
	switch kind {
	case wire.FrameDelivery:
		d, err := ownDelivery(body)
		t.burst = append(t.burst, d)
		return err
	case wire.FrameHead:
		r := codec.NewReader(body)
		head := r.Uvarint()
		if r.Bad() { // what is left is a later release's
			return wire.ErrMalformed
		}
		if !planted.On(planted.HeadForChunk) {
			t.head = head
		}
		return nil
	case wire.FrameRefused:
		return refusal(body)
	default:
		return fmt.Errorf("%w: frame of kind %d from a donor", wire.ErrMalformed, kind)
	}
}

// ownDelivery decodes a delivery that keeps nothing of the frame. Its effects are left
// out: the joiner's own store finds them.
func ownDelivery(body []byte) (observedDelivery, error) {
	d, err := wire.DecodeDelivery(body)
	return observedDelivery{
		View: d.View, Sender: isis.MemberID{ID: strings.Clone(d.Sender), Incarnation: d.Incarnation},
		Seq: d.Seq, First: d.First, Count: uint32(d.Count), Payload: bytes.Clone(d.Payload),
	}, err
}

// headUnknown is the head as long as the donor has not said it.
const headUnknown = math.MaxUint64

// headPatience is how long a joiner takes only what the donor says of the head now.
// After that it takes what was so a while ago: the group delivers faster than the
// joiner takes it, and slows down with it as a member.
const headPatience = 10 * time.Second
