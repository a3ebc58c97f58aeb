package member

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/clock"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Feed is a joiner's queue of encoded deliveries, which the host adds to in each turn
// from Donate on.
type Feed interface {
	// Take returns a part of what was added, which belongs to the caller until it is
	// handed back as spare. If nothing is left, it returns nil, or waits if wait is set
	// and it can. Its error is why the feed has ended.
	Take(spare []byte, wait bool) ([]byte, error)

	// Waiting returns how many bytes are left. Unlike Take, the member calls it, too.
	Waiting() int
}

// Donor says what goes to a joiner next: the state in chunks, with the deliveries between
// them, and with a rest after each chunk while the group has other work; then deliveries
// as they happen. Those that come while the state is on its way go between its chunks so
// that the joiner keeps them, not the donor, which clients wait for. It belongs to
// whoever writes the connection.
type Donor struct {
	reader *Reader
	clock  clock.Clock
	feed   Feed
	snap   *store.Snapshot // nil: all of it is sent

	step      donorStep
	buf       []byte // of chunks and heads
	spare     []byte // of the feed
	began     time.Duration
	took      time.Duration // by the last chunk
	timed     bool          // took is
	sent      int           // bytes of chunks
	delivered int           // bytes between them
	more      bool          // chunks
	before    uint64        // position after the last chunk

	chunkBytes int

	joiner uint64
	handed int // bytes that were returned last, and are being written
	at     time.Duration
	busy   struct{ bytes, time float64 } // of late
	rate   atomic.Uint64                 // bytes a second that the connection takes; 0: not known yet
	closed atomic.Bool
}

// donorStep is what a Donor sends next.
type donorStep uint8

const (
	sendChunk donorStep = iota
	sendChanges
	sendLoaded
	sendHead
	sendDeliveries
)

// snapshotChunkBytes is the size of a snapshot's frames, unless one value is larger.
// The buffer of a frame reader keeps room for as much.
const snapshotChunkBytes = 256<<10 - wire.FrameBytes

// closeBytes is how much may wait for a joiner that is close to the head.
const closeBytes = 256 << 10

// Donate begins to give a joiner the state, and what is delivered from now on, which the
// host adds to the feed. It returns nil if the member cannot: it is in no view, its state is
// damaged, or the registry has not said since this view was committed that the joiner may
// join, which it only says of those that understand the view's commands.
func (m *Member) Donate(joiner uint64, f Feed) *Donor {
	r := m.reader
	_, named := m.Named(joiner)
	if !r.inView.Load() || r.damage.Load() != nil || !named || m.hearsOfBefore() {
		return nil
	}
	s := r.state.Load()
	snapshot := s.Snapshot()
	// What is damaged and was written again since is still in the history, for long. A joiner
	// is better off without it than without the state.
	if r.FeatureLevel() >= wire.LevelVariables && !m.hurt {
		snapshot.IncludeHistory()
	}
	d := &Donor{reader: r, clock: m.clock, feed: f, snap: snapshot, before: s.Applied(), chunkBytes: m.chunkBytes, joiner: joiner}
	m.giving = append(slices.DeleteFunc(m.giving, func(o *Donor) bool { return o.joiner == joiner }), d)
	return d
}

// feeding returns how many bytes wait for the joiner that is furthest behind, and how many go
// to it in a second. It leaves out joiners whose rate is not known yet; 0 and 0: there is no
// other.
func (m *Member) feeding() (waiting, rate uint64) {
	m.giving = slices.DeleteFunc(m.giving, func(d *Donor) bool {
		_, named := m.Named(d.joiner)
		return !named || m.directive.committed.Has(d.joiner) || d.closed.Load()
	})
	for _, d := range m.giving {
		if w, r := uint64(max(d.feed.Waiting(), 0)), d.rate.Load(); r > 0 && w >= waiting {
			waiting, rate = w, r
		}
	}
	return waiting, rate
}

// fade is how much what was written before a part counts when that has been written.
const fade = 0.9

// leastMeasured is the least that is written at once, in bytes, for the time that it takes to
// tell how fast the connection is. What waits for a joiner that is behind is written in larger
// parts.
const leastMeasured = 16 << 10

// look measures how fast the connection takes what it is given.
func (d *Donor) look() {
	if d.handed >= leastMeasured {
		d.busy.bytes = fade*d.busy.bytes + float64(d.handed)
		d.busy.time = fade*d.busy.time + (d.clock.Steady() - d.at).Seconds()
		d.rate.Store(uint64(d.busy.bytes / max(d.busy.time, 1e-6)))
	}
}

// hearsOfBefore reports whether the latest directive is from before the present view was
// committed: it still has the attempt at it.
func (m *Member) hearsOfBefore() bool {
	a := m.directive.latest.Attempt
	return a != nil && a.View.ID <= m.core.View().ID
}

// Next returns what to write next, all of it before the next call. If it returns nothing
// but a pause, the caller rests so long, and calls again; if it returns neither, there is
// nothing to write until the feed has more. The error is why the joiner gets nothing more.
func (d *Donor) Next() (b []byte, pause time.Duration, err error) {
	d.look()
	b, pause, err = d.proceed()
	d.handed, d.at = len(b), d.clock.Steady()
	return b, pause, err
}

func (d *Donor) proceed() (b []byte, pause time.Duration, err error) {
	for {
		switch d.step {
		case sendChunk:
			b, err = d.chunk()
			return b, 0, err
		case sendChanges:
			if d.timed {
				d.took, d.timed = d.clock.Steady()-d.began, false
			}
			if b, err = d.take(false); b != nil || err != nil {
				d.delivered += len(b)
				return b, 0, err
			}
			if pause = d.rest(); pause > 0 {
				return nil, pause, nil
			}
		case sendLoaded:
			d.step = sendHead
			d.buf = wire.EndFrame(wire.BeginFrame(d.buf[:0], wire.FrameLoaded), 0)
			return d.buf, 0, nil
		case sendHead:
			d.step = sendDeliveries
			if d.feed.Waiting() <= closeBytes {
				d.buf = binary.AppendUvarint(wire.BeginFrame(d.buf[:0], wire.FrameHead), d.reader.state.Load().Applied())
				return wire.EndFrame(d.buf, 0), 0, nil
			}
		default:
			if b, err = d.take(true); b != nil {
				// Whenever little more waits, where the head is: only a joiner that has come
				// that far is close enough to become a member, since writes wait for a member
				// that has to catch up.
				d.step = sendHead
			}
			return b, 0, err
		}
	}
}

// take takes a part of what was delivered.
func (d *Donor) take(wait bool) ([]byte, error) {
	b, err := d.feed.Take(d.spare, wait)
	d.spare = b
	return b, err
}

// chunk returns the next part of the snapshot.
func (d *Donor) chunk() (b []byte, err error) {
	d.began, d.timed = d.clock.Steady(), true
	if d.buf, d.more, err = d.snap.Next(wire.BeginFrame(d.buf[:0], wire.FrameChunk), d.chunkBytes); err != nil {
		return nil, fmt.Errorf("server: snapshot: %w", err)
	}
	d.sent += len(d.buf)
	d.step = sendChanges
	return wire.EndFrame(d.buf, 0), nil
}

// rest goes on to the next chunk, or to the end of them. It returns how long to rest
// before it: if others work beside.
func (d *Donor) rest() (pause time.Duration) {
	if !d.more {
		d.step = sendLoaded
		d.release()
		return 0
	}
	d.step = sendChunk
	applied := d.reader.state.Load().Applied()
	if applied != d.before {
		pause = donorPause(d.took, d.sent, d.delivered)
	}
	d.before = applied // what comes in the pause counts for the next chunk
	return pause
}

// Loading reports whether the snapshot is on its way: each part of it may take
// JoinPatience.
func (d *Donor) Loading() bool { return d.snap != nil }

// Close ends the donor: its member reports it no more. The caller calls it when it writes
// nothing more.
func (d *Donor) Close() {
	d.closed.Store(true)
	d.release()
}

// release lets go of the snapshot.
func (d *Donor) release() {
	if d.snap != nil {
		d.snap.Close()
		d.snap = nil
	}
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
