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
	frameLoaded  = 17 // the snapshot is complete; body: uvarint position of the donor by now
	frameHeadlen = 5
)

// snapshotChunkBytes is the size of a snapshot's frames, unless one value is
// larger.
const snapshotChunkBytes = 256 << 10

var errAnotherView = errors.New("server: the joiner is a member now")

// donate sends a joiner the state and then the deliveries as they happen.
func (r *replica) donate(conn net.Conn, joiner uint64) error {
	f := newFeed(conn)
	f.joiner = joiner
	var snap *store.Snapshot
	if !r.do(func() {
		if r.inView.Load() {
			snap = r.state.Load().Snapshot()
			r.addFeed(f)
		}
	}) || snap == nil {
		return errors.New("server: serves no joiners now")
	}
	defer f.close(net.ErrClosed)
	err := sendSnapshot(f, snap)
	snap.Close()
	if err != nil {
		return err
	}
	loaded := binary.AppendUvarint(beginFrame(nil, frameLoaded), r.state.Load().Applied())
	if _, err := conn.Write(endFrame(loaded, 0)); err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	return f.pump()
}

// sendSnapshot sends the state, unless the deliveries pile up behind it.
func sendSnapshot(f *feed, snap *store.Snapshot) error {
	var b []byte
	for more := true; more; {
		if f.hasEnded() {
			return errLagged
		}
		b = beginFrame(b[:0], frameChunk)
		var err error
		if b, more, err = snap.Next(b, snapshotChunkBytes); err != nil {
			return fmt.Errorf("server: snapshot: %w", err)
		}
		if err := f.conn.SetWriteDeadline(time.Now().Add(donorPatience)); err != nil {
			return err
		}
		if _, err := f.conn.Write(endFrame(b, 0)); err != nil {
			return err
		}
	}
	return nil
}

// beginFrame appends the head of a frame, whose length endFrame fills in.
func beginFrame(dst []byte, kind byte) []byte {
	return append(dst, 0, 0, 0, 0, kind)
}

func endFrame(b []byte, start int) []byte {
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-wire.HeaderBytes))
	return b
}
