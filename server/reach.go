package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// proofTime bounds how long a donor looks for a joiner at its address.
func proofTime(detection time.Duration) time.Duration {
	return min(max(detection, time.Second), 2*time.Second)
}

// maxAwaited bounds how many joiners that the registry has not told of yet are
// waited for at a time: anybody can name one.
const maxAwaited = 16

// prove dials a joiner where it says that others find it, since of two nodes the
// one that came later dials: nobody else would until the next one joins, and that
// one could not. It returns the refusal if the joiner is not to be served.
func (r *replica) prove(hello *wire.Hello) *wire.HelloReply {
	incarnation := hello.Joiner()
	refuse := func(status wire.Status, format string, args ...any) *wire.HelloReply {
		message := fmt.Sprintf(format, args...)
		if left, ok := r.refusals.Open(time.Now()); ok {
			r.log.Warn("refusing a joiner", "joiner", incarnation, "reason", message, "left_out", left)
		}
		return &wire.HelloReply{Status: status, Version: wire.MaxVersion, Info: r.info(), Message: message}
	}
	ctx, cancel := context.WithTimeout(context.Background(), proofTime(r.detection()))
	defer cancel()
	joiner, ok := r.awaitJoiner(ctx, incarnation)
	if !ok {
		return refuse(wire.StatusUnavailable, "node %s has not heard of a joiner with incarnation %d yet, or waits for %d others: try again",
			r.self.ID, incarnation, maxAwaited)
	}
	const remedy = "give it --advertise with an address that the other nodes can dial"
	at, err := r.locate(ctx, isis.MemberID{ID: joiner.ID, Incarnation: incarnation}, joiner.PeerAddr)
	var found wire.Info
	if err == nil {
		found, err = r.whoIs(ctx, at)
	}
	switch {
	case err != nil:
		return refuse(wire.StatusBadRequest, "%s advertises %s, where it is not reached from %s (%v): %s",
			joiner.ID, joiner.PeerAddr, r.self.ID, err, remedy)
	case found.Group == r.group && found.NodeID == r.self.ID && found.Incarnation == r.self.Incarnation:
		return refuse(wire.StatusBadRequest, "%s advertises %s, which leads %s to itself, %s finds %s#%d there: %s",
			joiner.ID, joiner.PeerAddr, r.self.ID, r.self.ID, found.NodeID, found.Incarnation, remedy)
	case found.Group != r.group || found.Generation != r.generation:
		return refuse(wire.StatusBadRequest, "%s advertises %s, where %s finds %s of group %x, generation %d, instead of %s of group %x, generation %d: %s",
			joiner.ID, joiner.PeerAddr, r.self.ID, found.NodeID, found.Group, found.Generation, joiner.ID, r.group, r.generation, remedy)
	case found.NodeID != joiner.ID || found.Incarnation != incarnation:
		return refuse(wire.StatusBadRequest, "%s advertises %s, where %s finds %s#%d instead of %s#%d: %s",
			joiner.ID, joiner.PeerAddr, r.self.ID, found.NodeID, found.Incarnation, joiner.ID, incarnation, remedy)
	}
	return nil
}

// awaitJoiner returns what the registry tells of a joiner. The joiner may have
// heard of this node before this node hears of it.
func (r *replica) awaitJoiner(ctx context.Context, incarnation uint64) (joiner membership.Member, ok bool) {
	known := func() bool {
		return !r.do(func(m *member.Member) { joiner, ok = m.Named(incarnation) }) || ok
	}
	if known() {
		return joiner, ok
	}
	defer r.awaited.Add(-1)
	if r.awaited.Add(1) > maxAwaited {
		return membership.Member{}, false
	}
	for wait := 10 * time.Millisecond; !known(); wait = min(2*wait, 100*time.Millisecond) {
		if client.Sleep(ctx, wait) != nil {
			return membership.Member{}, false
		}
	}
	return joiner, ok
}

// whoIs asks the node at an address who it is.
func (r *replica) whoIs(ctx context.Context, addr string) (info wire.Info, err error) {
	conn, err := r.cfg.Dial(ctx, addr)
	if err != nil {
		return wire.Info{}, err
	}
	// Not every connection has deadlines that work, but all can be closed.
	stop := context.AfterFunc(ctx, func() { r.closeConn(conn) })
	defer func() {
		if !stop() {
			err = errors.Join(ctx.Err(), err)
			return
		}
		err = errors.Join(err, conn.Close())
	}()
	// A joiner refuses clients, and tells who it is.
	hello := wire.Hello{Role: wire.RoleClient, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion}
	if err := wire.WriteHello(conn, hello); err != nil {
		return wire.Info{}, err
	}
	reply, err := wire.ReadHelloReply(conn)
	return reply.Info, err
}
