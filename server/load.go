package server

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// errOutrun says that a group changed its state faster than it came here.
var errOutrun = errors.New("server: the deliveries came faster than the state")

// loaded is a donor's state, and what it delivered while the state was on its way.
type loaded struct {
	state   *store.Store
	backlog []wire.Delivery
	bytes   int // of the backlog
}

// load reads the snapshot, which must not stop coming, and the deliveries between
// its chunks. Those may take as much memory as the state has taken so far, and
// MaxLagBytes.
func (r *replica) load(conn net.Conn, frames *wire.FrameReader) (loaded, error) {
	restorer := store.Restore(r.limits())
	var l loaded
	for size := 0; ; {
		if err := conn.SetReadDeadline(time.Now().Add(donorPatience)); err != nil {
			return loaded{}, err
		}
		kind, body, err := frames.Next()
		if err != nil {
			return loaded{}, err
		}
		switch kind {
		case frameChunk:
			size += len(body)
			if err := restorer.Chunk(body); err != nil {
				return loaded{}, err
			}
		case wire.FrameDelivery:
			d, err := ownDelivery(body)
			if err != nil {
				return loaded{}, err
			}
			l.backlog = append(l.backlog, d)
			if l.bytes += len(d.Payload); l.bytes > r.cfg.MaxLagBytes+size {
				return loaded{}, fmt.Errorf("%w: %d bytes, and %d of the state", errOutrun, l.bytes, size)
			}
		case frameLoaded:
			l.state, err = restorer.Finish()
			return l, errors.Join(err, conn.SetReadDeadline(time.Time{}))
		case frameRefused:
			return loaded{}, refusal(body)
		default:
			return loaded{}, fmt.Errorf("%w: frame of kind %d in a snapshot", wire.ErrMalformed, kind)
		}
	}
}

// catchUpBytes is how much of a backlog is applied in a turn. The registry hears
// nothing of this node during one.
const catchUpBytes = 1 << 20

// catchUp applies a backlog, and lets go of it by and by.
func (r *replica) catchUp(backlog []wire.Delivery) error {
	for len(backlog) > 0 {
		count, size := 0, 0
		for count < len(backlog) && size < catchUpBytes {
			size += len(backlog[count].Payload)
			count++
		}
		if err := r.takeObserved(backlog[:count], headUnknown); err != nil {
			return err
		}
		clear(backlog[:count])
		backlog = backlog[count:]
	}
	return nil
}
