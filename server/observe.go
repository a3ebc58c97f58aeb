package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// follow dials a donor, and has its state loaded and its deliveries applied, until the
// connection or ctx ends.
func (r *replica) follow(ctx context.Context, t *member.Transfer) error {
	donor := t.Donor()
	dialCtx, cancel := context.WithTimeout(ctx, r.detection())
	defer cancel()
	at, err := r.locate(dialCtx, donor.MemberID, donor.Addr)
	var conn net.Conn
	if err == nil {
		conn, err = r.cfg.Dial(dialCtx, at)
	}
	if err != nil {
		return fmt.Errorf("%w: dialling %s, advertised by %s: %w", member.ErrUnreached, donor.Addr, donor.MemberID, err)
	}
	defer context.AfterFunc(ctx, func() { r.closeConn(conn) })()
	defer r.closeConn(conn)
	if err := r.greetDonor(conn, t); err != nil {
		return err
	}
	r.transfers.Add(1)
	frames := wire.NewFrameReader(conn, member.MaxFrameBytes)
	for patience := time.Duration(-1); ; {
		if now := t.Patience(); now != 0 || now != patience {
			if err := limitRead(conn, now); err != nil {
				return err
			}
			patience = now
		}
		if err := t.Read(frames); err != nil {
			return err
		}
		for t.Work() {
			var err error
			if !r.do(func(m *member.Member) { err = m.Take(t) }) {
				return r.reason
			}
			if err != nil {
				return err
			}
		}
	}
}

// limitRead sets how long reads from now on may take, 0: as long as they like.
func limitRead(conn net.Conn, patience time.Duration) error {
	if patience == 0 {
		return conn.SetReadDeadline(time.Time{})
	}
	return conn.SetReadDeadline(time.Now().Add(patience))
}

// greetDonor makes the handshake with a donor.
func (r *replica) greetDonor(conn net.Conn, t *member.Transfer) error {
	// The donor looks for this node at its address meanwhile.
	if err := conn.SetDeadline(time.Now().Add(r.detection() + proofTime(r.detection()))); err != nil {
		return err
	}
	err := wire.WriteHello(conn, t.Hello())
	var reply wire.HelloReply
	if err == nil {
		reply, err = wire.ReadHelloReply(conn)
	}
	if err != nil {
		return fmt.Errorf("%w: handshake with %s, advertised by %s: %w", member.ErrUnreached, t.Donor().Addr, t.Donor().MemberID, err)
	}
	if err := t.Welcome(&reply); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

func (r *replica) closeConn(conn net.Conn) {
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		r.log.Debug("closing a connection", "err", err)
	}
}
