package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// maxObserveFrame bounds a frame from a donor: the longest message, with its
// bitmap and head, or a snapshot's chunk with a value of the greatest size.
const maxObserveFrame = 64 << 20

// observer is a joiner's side of observing: it loads a member's state and then
// follows its deliveries, until the node is in a view. The fields belong to the
// owner of the turn.
type observer struct {
	donor isis.MemberID
	conn  net.Conn // from the donor
	ready bool     // the state is loaded and close to the head

	transfers int // begun, of which all but the last broke off

	unlinked, unlinkedTold string // members without a link: at the last directive, and as logged last
}

// observe loads and follows until the replica is in a view or has ended.
func (r *replica) observe(ctx context.Context) {
	const least, most = 20 * time.Millisecond, time.Second
	refusals := 0 // in a row
	for wait, try := least, 0; ; try++ {
		donor, addr, ok := r.pickDonor(try)
		if ok {
			err := r.follow(ctx, donor, addr)
			if r.inView.Load() || ctx.Err() != nil {
				return
			}
			if errors.Is(err, store.ErrLimits) {
				r.post(func() { r.fail(fmt.Errorf("%w: no member's state can be loaded: %w", ErrConfig, err)) })
				return
			}
			r.observingEnded(donor, err)
			if r.hasFollowed(donor) {
				wait = least
			}
			if refusals++; !errors.Is(err, errAdvertised) {
				refusals = 0
			}
			if refusals == refusalsToGiveUp {
				r.post(func() { r.fail(err) })
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-r.joined:
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, most)
	}
}

// observingEnded tells why a member is not observed any more. A joiner that holds
// all that its first view begins with needs no more, and the donor knows that.
func (r *replica) observingEnded(donor isis.MemberID, err error) {
	level := slog.LevelInfo
	r.do(func() {
		if r.core.Phase() != isis.Observing || r.core.CutAcknowledged() {
			level = slog.LevelDebug
		}
	})
	what := "observing a member ended"
	again := r.noteUnloaded(donor, err)
	switch {
	case level == slog.LevelDebug:
	case errors.Is(err, errUnreached):
		level, what = slog.LevelWarn, "a member cannot be reached to load its state: trying again"
		if again {
			level = slog.LevelDebug
		}
	case errors.Is(err, store.ErrDigest):
		level, what = slog.LevelError, "the state that a member has sent is damaged: asking another"
	case errors.Is(err, errDonorDamaged):
		level, what = slog.LevelWarn, "a member cannot give its state: asking another"
	}
	r.log.Log(context.Background(), level, what, "donor", donor.ID, "err", err)
}

// hasFollowed tells whether a donor's state was loaded.
func (r *replica) hasFollowed(donor isis.MemberID) bool {
	followed := false
	r.do(func() { followed = r.observer.donor == donor })
	return followed
}

// donors are the members whose state and deliveries lead into the next view: those
// of the committed view that are in the attempt under way, too. Owner only.
func (r *replica) donors() []membership.Member {
	members := r.directive.committed.Members
	if r.directive.latest.Attempt == nil {
		return members
	}
	attempt := r.directive.attempt()
	return slices.DeleteFunc(slices.Clone(members), func(m membership.Member) bool { return !attempt.Has(m.Incarnation) })
}

// pickDonor chooses a donor, another at each try.
func (r *replica) pickDonor(try int) (donor isis.MemberID, addr string, ok bool) {
	r.do(func() {
		members := r.donors()
		if len(members) == 0 || r.core.Phase() != isis.Observing || r.core.CutAcknowledged() {
			return
		}
		// The junior members first: the senior ones lead and tick.
		m := members[len(members)-1-try%len(members)]
		donor, addr, ok = isis.MemberID{ID: m.ID, Incarnation: m.Incarnation}, m.PeerAddr, true
	})
	return donor, addr, ok
}

// follow dials a donor, loads its state and applies its deliveries.
func (r *replica) follow(ctx context.Context, donor isis.MemberID, addr string) error {
	dialCtx, cancel := context.WithTimeout(ctx, r.detection())
	defer cancel()
	at, err := r.locate(dialCtx, donor, addr)
	var conn net.Conn
	if err == nil {
		conn, err = r.cfg.Dial(dialCtx, at)
	}
	if err != nil {
		return fmt.Errorf("%w: dialling %s, which %s advertises: %w", errUnreached, addr, memberName(donor), err)
	}
	defer context.AfterFunc(ctx, func() { r.closeConn(conn) })()
	defer r.closeConn(conn)
	if err := r.greetDonor(conn, donor, addr); err != nil {
		return err
	}
	frames := wire.NewFrameReader(conn, maxObserveFrame)
	r.do(func() { r.observer.transfers++ })
	l, err := r.load(conn, frames)
	if err != nil {
		return err
	}
	taken := false
	if !r.do(func() { taken = r.startFollowing(l.state, donor, conn) }) || !taken {
		return errors.New("server: the state came too late to be of use")
	}
	if err := r.catchUp(l.backlog); err != nil {
		return err
	}
	return r.followDeliveries(frames)
}

func (r *replica) closeConn(conn net.Conn) {
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		r.log.Debug("closing a connection", "err", err)
	}
}

func (r *replica) greetDonor(conn net.Conn, donor isis.MemberID, addr string) error {
	// The donor looks for this node at its address meanwhile.
	if err := conn.SetDeadline(time.Now().Add(r.detection() + proofTime(r.detection()))); err != nil {
		return err
	}
	hello := wire.Hello{
		Role: wire.RoleObserve, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion,
		Group: r.group, Generation: r.generation,
		Extra: binary.AppendUvarint(nil, r.self.Incarnation),
	}
	err := wire.WriteHello(conn, hello)
	var reply wire.HelloReply
	if err == nil {
		reply, err = wire.ReadHelloReply(conn)
	}
	if err != nil {
		return fmt.Errorf("%w: the handshake at %s, which %s advertises: %w", errUnreached, addr, memberName(donor), err)
	}
	if err := r.expectDonor(reply.Info, donor, addr); err != nil {
		return err
	}
	switch reply.Status {
	case wire.StatusOK:
		return conn.SetDeadline(time.Time{})
	case wire.StatusBadRequest:
		return fmt.Errorf("%w: %s", errAdvertised, reply.Message)
	default:
		return fmt.Errorf("server: the donor refuses: %s", reply.Message)
	}
}

// startFollowing takes the state loaded as the replica's, unless the node holds
// all it needs already. Owner only.
func (r *replica) startFollowing(s *store.Store, donor isis.MemberID, conn net.Conn) bool {
	if r.core.Phase() != isis.Observing || r.core.CutAcknowledged() {
		return false
	}
	r.core.Observe(s.Applied(), donor)
	r.adopt(s)
	r.observer.donor, r.observer.conn, r.observer.ready = donor, conn, false
	r.unloaded.Store(nil)
	if r.cfg.OnSnapshot != nil {
		r.cfg.OnSnapshot(s.Applied())
	}
	return true
}

// checkDonor gives up a donor that will not be in the next view: it may never come
// to the cut, and if its host is gone not even its connections end. Owner only.
func (r *replica) checkDonor() {
	o := &r.observer
	if o.conn == nil || r.core.Phase() != isis.Observing || r.core.CutAcknowledged() ||
		slices.ContainsFunc(r.donors(), func(m membership.Member) bool { return m.Incarnation == o.donor.Incarnation }) {
		return
	}
	r.closeConn(o.conn)
	o.conn = nil
	o.ready = false
}

// followDeliveries applies what the donor delivers, a burst a turn.
func (r *replica) followDeliveries(frames *wire.FrameReader) error {
	var burst []wire.Delivery
	head := uint64(headUnknown) // as the donor said in this burst
	began := time.Now()
	for {
		kind, body, err := frames.Next()
		if err != nil {
			return err
		}
		switch kind {
		case wire.FrameDelivery:
			d, err := ownDelivery(body)
			if err != nil {
				return err
			}
			burst = append(burst, d)
		case frameHead:
			var n int
			if head, n = binary.Uvarint(body); n <= 0 {
				return wire.ErrMalformed
			}
		case frameRefused:
			return refusal(body)
		default:
			return fmt.Errorf("%w: frame of kind %d from a donor", wire.ErrMalformed, kind)
		}
		if frames.Buffered() {
			continue
		}
		if !frames.Drained() && time.Since(began) < headPatience {
			head = headUnknown // there is more to come: that was long ago
		}
		if err := r.takeObserved(burst, head); err != nil {
			return err
		}
		burst, head = burst[:0], headUnknown
	}
}

// ownDelivery decodes a delivery that keeps nothing of the frame.
func ownDelivery(body []byte) (wire.Delivery, error) {
	d, err := wire.DecodeDelivery(body)
	d.Payload = bytes.Clone(d.Payload)
	d.Sender = strings.Clone(d.Sender)
	d.Effects = nil // its own store tells
	return d, err
}

// headUnknown is the head as long as the donor has not said it.
const headUnknown = math.MaxUint64

// headPatience is how long a joiner takes only what the donor says of the head now.
// After that it takes what was so a while ago: the group delivers faster than the
// joiner takes it, and slows down with it as a member.
const headPatience = 10 * time.Second

// takeObserved has a burst applied, in a turn.
func (r *replica) takeObserved(burst []wire.Delivery, head uint64) error {
	var err error
	if !r.do(func() { err = r.observed(burst, head) }) {
		return r.reason
	}
	return err
}

// observed applies deliveries of the donor. Owner only.
func (r *replica) observed(burst []wire.Delivery, head uint64) error {
	for i := range burst {
		d := &burst[i]
		follows, err := r.core.Observed(d.View, d.First, uint32(d.Count))
		if follows {
			r.apply(&isis.Delivery{
				View: d.View, Sender: isis.MemberID{ID: d.Sender, Incarnation: d.Incarnation},
				Seq: d.Seq, First: d.First, Count: uint32(d.Count), Payload: d.Payload,
			})
		}
		if err != nil {
			return err
		}
		if !follows {
			return errAnotherView
		}
	}
	r.observer.ready = r.observer.ready || r.core.Position() >= head
	return nil
}
