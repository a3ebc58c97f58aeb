package server

import (
	"errors"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/store"
)

// donate sends a joiner the state, and the deliveries from then on as they happen.
func (r *replica) donate(conn net.Conn, joiner uint64) error {
	err := r.serveJoiner(conn, joiner)
	r.refuseJoiner(conn, err)
	if errors.Is(err, store.ErrDigest) {
		r.post(func(m *member.Member) { m.Damaged(err) })
	}
	return err
}

func (r *replica) serveJoiner(conn net.Conn, joiner uint64) error {
	f := newFeed(conn, new(feedLog))
	f.joiner = joiner
	var d *member.Donor
	if !r.do(func(m *member.Member) {
		if d = m.Donate(joiner, f); d != nil {
			r.front.addFeed(m, f)
		}
	}) || d == nil {
		return member.ErrNoDonor
	}
	defer f.close(net.ErrClosed)
	defer d.Close()
	// As long as the snapshot is on its way, each part of it may take so long.
	for loading := true; ; {
		b, pause, err := d.Next()
		if err != nil {
			return err
		}
		if pause > 0 {
			select {
			case <-time.After(pause):
			case <-r.ended:
			}
			continue
		}
		if loading {
			if err := conn.SetWriteDeadline(time.Now().Add(member.JoinPatience)); err != nil {
				return err
			}
		}
		if _, err := conn.Write(b); err != nil {
			return err
		}
		if loading && !d.Loading() {
			loading = false
			if err := conn.SetWriteDeadline(time.Time{}); err != nil {
				return err
			}
		}
	}
}

// refusalTime is how long a donor tries to say why it gives up.
const refusalTime = time.Second

// refuseJoiner tells a joiner why it gets nothing more, unless the connection is what
// has failed, or the joiner has all that it needs.
func (r *replica) refuseJoiner(conn net.Conn, reason error) {
	var broken net.Error
	if reason == nil || errors.Is(reason, member.ErrMemberNow) || errors.Is(reason, net.ErrClosed) || errors.As(reason, &broken) {
		return
	}
	err := conn.SetWriteDeadline(time.Now().Add(refusalTime))
	if err == nil {
		_, err = conn.Write(member.AppendRefusal(nil, reason))
	}
	if err != nil {
		r.log.Debug("could not send a joiner the reason for giving it up", "err", err)
	}
}
