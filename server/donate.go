package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Frames from a donor to a joiner, on a connection of their own so that no
// heartbeat queues behind them. They look like a client connection's; deliveries
// are wire.FrameDelivery.
const (
	frameChunk   = 16 // a part of the snapshot
	frameLoaded  = 17 // the snapshot is complete
	frameHead    = 18 // little more waits to be sent; body: uvarint position of the donor by now
	frameHeadlen = 5
)

// snapshotChunkBytes is the size of a snapshot's frames, unless one value is larger.
// The buffer of a frame reader keeps room for as much.
const snapshotChunkBytes = 256<<10 - frameHeadlen

var errAnotherView = errors.New("server: the joiner is a member now")

// donate sends a joiner the state, and the deliveries from then on as they happen.
// Those that come while the state is on its way go between its chunks: the joiner
// keeps them, not the donor, which clients wait for.
func (r *replica) donate(conn net.Conn, joiner uint64) error {
	err := r.serveJoiner(conn, joiner)
	r.refuseJoiner(conn, err)
	if errors.Is(err, store.ErrDigest) {
		r.post(func() { r.damagedBy(err) })
	}
	return err
}

func (r *replica) serveJoiner(conn net.Conn, joiner uint64) error {
	f := newFeed(conn)
	f.joiner = joiner
	var snap *store.Snapshot
	if !r.do(func() {
		if r.inView.Load() && r.damage.Load() == nil {
			snap = r.state.Load().Snapshot()
			r.addFeed(f)
		}
	}) || snap == nil {
		return errNoDonor
	}
	defer f.close(net.ErrClosed)
	err := r.sendSnapshot(f, snap)
	snap.Close()
	if err != nil {
		return err
	}
	if _, err := conn.Write(endFrame(beginFrame(nil, frameLoaded), 0)); err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	return r.lead(f)
}

// closeBytes is how much may wait for a joiner that is close to the head.
const closeBytes = 256 << 10

// lead sends a joiner what is delivered, and, whenever little more waits, where the
// head is: only one that has come that far is close enough to become a member, since
// writes wait for a member that has to catch up.
func (r *replica) lead(f *feed) error {
	var b, head []byte
	for {
		if f.waiting() <= closeBytes {
			head = binary.AppendUvarint(beginFrame(head[:0], frameHead), r.state.Load().Applied())
			if _, err := f.conn.Write(endFrame(head, 0)); err != nil {
				return err
			}
		}
		var err error
		if b, err = f.take(b, true); err != nil {
			return err
		}
		if _, err := f.conn.Write(b); err != nil {
			return err
		}
	}
}

// sendSnapshot sends the state in chunks, with the deliveries between them, and
// with a pause after each chunk as long as the group has other work.
func (r *replica) sendSnapshot(f *feed, snap *store.Snapshot) error {
	var b []byte
	sent, before := 0, r.state.Load().Applied()
	for more := true; more; {
		began := time.Now()
		b = beginFrame(b[:0], frameChunk)
		var err error
		if b, more, err = snap.Next(b, snapshotChunkBytes); err != nil {
			return fmt.Errorf("server: snapshot: %w", err)
		}
		if err := f.conn.SetWriteDeadline(began.Add(donorPatience)); err != nil {
			return err
		}
		if _, err := f.conn.Write(endFrame(b, 0)); err != nil {
			return err
		}
		sent += len(b)
		took := time.Since(began)
		if err := f.write(false); err != nil {
			return err
		}
		applied := r.state.Load().Applied()
		if more && applied != before {
			select {
			case <-time.After(donorPause(took, sent, f.written)):
			case <-r.ended:
			}
		}
		before = applied // what comes in the pause counts for the next chunk
	}
	return nil
}

// donorPause is how long a donor that others work beside rests after a chunk that
// took it some time, when it has sent so many bytes of the state and so many that
// were delivered since. The state is in no hurry, and the members' clients are:
// encoding it here and decoding it there take the processors that they need. But
// the joiner keeps the changes, so that the state must come faster than it changes:
// the rest becomes shorter when half as much has changed as has come, and there is
// none when as much has.
func donorPause(took time.Duration, sent, delivered int) time.Duration {
	rest := min(donorRest*took, mostDonorPause)
	lead := min(max(sent-delivered, 0), sent/2)
	return time.Duration(float64(rest) * float64(lead) / float64(max(sent/2, 1)))
}

// A donor rests donorRest times as long as it works, but for no longer than
// mostDonorPause, so that it sends 64 MiB/s if it can.
const (
	donorRest      = 3
	mostDonorPause = (256 << 10) * time.Second / (64 << 20)
)

// beginFrame appends the head of a frame, whose length endFrame fills in.
func beginFrame(dst []byte, kind byte) []byte {
	return append(dst, 0, 0, 0, 0, kind)
}

func endFrame(b []byte, start int) []byte {
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-wire.HeaderBytes))
	return b
}
