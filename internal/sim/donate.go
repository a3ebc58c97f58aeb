package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/sim/wires"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// feed is a donor's connection to a joiner, and the deliveries that wait for it. What is
// on its way is bounded, as by the buffers of a connection.
type feed struct {
	r       *replica
	c       *wires.Conn
	joiner  uint64
	donor   *member.Donor
	queue   []byte // deliveries
	taken   bool   // the donor has taken some of them
	heads   int    // that were sent
	writing []byte // what is left of what the donor has said to write
	room    int    // on the connection: in some, less than the group delivers meanwhile
	least   int    // room that it waits for, unless less is left to write
	busy    bool   // works at a chunk, or rests
	last    bool   // nothing comes after what is being written
	lags    bool   // too far behind: it is cut off
	ended   error  // why no more is added
	over    bool
}

// plenty is room for all that comes.
const plenty = 1 << 20

// leastRoom is which part of the room must be free before more is written where ports are
// narrow, as with TCP. Otherwise what was read would only make room for a piece as small, which
// may be torn again, until all pieces have one byte. Elsewhere they may: states are small there.
const leastRoom = 16

// asked takes a joiner's greeting.
func (p *process) asked(c *wires.Conn, hello *wire.Hello, answer func(wire.HelloReply)) {
	r := p.current
	reply := wire.HelloReply{Status: wire.StatusUnavailable}
	refuse := func(status wire.Status, why string) {
		reply.Status, reply.Message = status, why
		c.Send(0, wires.GreetingBytes, func() { answer(reply) })
		c.Close(1)
	}
	if r == nil || r.over {
		refuse(wire.StatusUnavailable, "no incarnation")
		return
	}
	reply.Info = wire.Info{Group: r.group, Generation: r.generation, NodeID: r.self.ID, Incarnation: r.self.Incarnation}
	if hello.Group != r.group || hello.Generation != r.generation || !r.reader.InView() {
		refuse(wire.StatusUnavailable, "no donor")
		return
	}
	joiner := hello.Joiner()
	r.lookFor(c, joiner, r.p.Steady()+r.w.proofTime(), refuse, func(m *member.Member) {
		f := &feed{r: r, c: c, joiner: joiner}
		if f.donor = m.Donate(joiner, f); f.donor == nil {
			refuse(wire.StatusUnavailable, "no donor now")
			return
		}
		room := max(pick(r.w.random.pieces, 100, 1000, plenty), r.w.traits.valueBytes/4)
		if r.w.healed {
			room = plenty
		}
		f.begin(room)
		r.feeds = append(r.feeds, f)
		c.Ends[1].OnClose, c.Ends[1].Room, c.Ends[1].OnRoom = f.close, f.hasRoom, f.pump
		reply.Status = wire.StatusOK
		c.Send(0, wires.GreetingBytes, func() { answer(reply) })
	})
}

// begin says how much room there is at first.
func (f *feed) begin(room int) {
	f.room, f.least = room, 1
	if f.r.w.traits.bandwidth.port > 0 {
		f.least = max(room/leastRoom, 1)
	}
}

// lookFor looks for a joiner at its address before it is served.
func (r *replica) lookFor(c *wires.Conn, joiner uint64, until time.Duration, refuse func(wire.Status, string), serve func(*member.Member)) {
	r.call(func(m *member.Member) {
		if c.Ends[1].Closed {
			return
		}
		named, known := m.Named(joiner)
		n, found := r.w.network, r.w.byAddr[named.PeerAddr]
		switch {
		case !known && r.p.Steady() < until:
			r.p.After(10*time.Millisecond, func() { r.lookFor(c, joiner, until, refuse, serve) })
		case !known:
			refuse(wire.StatusUnavailable, "not heard of")
		case found == nil || found.current == nil || found.current.over || found.current.self.Incarnation != joiner ||
			n.Cut(r.p.site, found.site) || n.Cut(found.site, r.p.site):
			refuse(wire.StatusBadRequest, "not where it says")
		default:
			serve(m)
		}
	})
}

// publish ends a turn: what it has delivered goes on its way.
func (r *replica) publish() {
	for _, f := range r.feeds {
		if f.pump(); r.over {
			return
		}
		if len(f.queue) > r.w.mostLag(r.w.traits.lagBytes) && !f.lags && !f.over {
			r.w.counts.Lagged++
			f.lags = true
		}
	}
	r.feeds = slices.DeleteFunc(r.feeds, func(f *feed) bool { return f.over })
}

// Take is part of member.Feed.
func (f *feed) Take(spare []byte, wait bool) ([]byte, error) {
	switch {
	case f.lags:
		return nil, member.ErrLagged
	case len(f.queue) == 0:
		return nil, f.ended
	case !wait:
		f.r.w.counts.Between++
	}
	b := f.queue
	f.queue, f.taken = spare[:0], true
	return b, nil
}

// Waiting is part of member.Feed.
func (f *feed) Waiting() int { return len(f.queue) }

// count counts the heads that are said again.
func (f *feed) count(frame []byte) {
	if len(frame) < wire.FrameBytes || frame[wire.FrameBytes-1] != wire.FrameHead {
		return
	}
	if f.heads++; f.heads > 1 {
		f.r.w.counts.Heads++
	}
}

// pump writes what the donor says until there is no room, or nothing more.
func (f *feed) pump() {
	for !f.over && !f.busy && !f.r.over {
		if len(f.writing) > 0 {
			if f.room < min(f.least, len(f.writing)) || !f.write() {
				return
			}
			continue
		}
		if f.last {
			f.close()
			return
		}
		loads := f.donor.Loading()
		f.taken = false
		b, pause, err := f.donor.Next()
		f.r.w.trace("  %s gives #%d %d bytes, rests %v: %v", f.r, f.joiner, len(b), pause, err)
		f.writing = b
		f.count(b)
		switch {
		case err != nil:
			f.refuse(err)
		case pause > 0:
			f.r.w.counts.Rests++
			f.rest(pause)
		case b == nil:
			return
		case loads && f.donor.Loading() && !f.taken: // a chunk, which is work
			if f.r.p.ambush(CrashDonor) {
				return
			}
			f.r.p.Brink()
			f.rest(upTo(f.r.p.random, 2*(f.r.p.pace+f.r.w.traits.chunkGap)))
		}
	}
}

// rest goes on after a while.
func (f *feed) rest(d time.Duration) {
	f.busy = true
	f.r.p.After(d, func() {
		f.busy = false
		f.pump()
	})
}

// write writes as much as there is room for, or a part of it, and reports whether the
// connection has taken anything.
func (f *feed) write() bool {
	n := min(len(f.writing), f.room)
	if chance(f.r.w.random.pieces, 0.2) {
		n = 1 + f.r.w.random.pieces.IntN(n)
	}
	n = f.c.TryWrite(0, f.writing[:n])
	f.writing, f.room = f.writing[n:], f.room-n
	return n > 0
}

// hasRoom notes that the joiner has read so much.
func (f *feed) hasRoom(n int) {
	f.room += n
	f.pump()
}

// refuse ends the feed for a reason, which the joiner is told unless it is a member.
func (f *feed) refuse(err error) {
	f.last = true
	if errors.Is(err, member.ErrMemberNow) {
		return
	}
	f.writing = member.AppendRefusal(nil, err)
	if errors.Is(err, store.ErrDigest) {
		if !f.r.damage.ever {
			f.r.w.fail("snapshot: %s: %v", f.r, err)
		}
		f.r.w.counts.DamagedDonors++
		f.r.call(func(m *member.Member) { m.Damaged(err) })
	}
}

// close ends the connection.
func (f *feed) close() {
	if !f.over {
		f.over = true
		f.donor.Close()
		f.c.Close(1)
	}
}

// countTransfers counts what a crash has interrupted.
func (r *replica) countTransfers() {
	for _, f := range r.feeds {
		if f.donor.Loading() && !f.over {
			r.w.counts.DonorsLost++
		}
	}
	if j := r.joining; j != nil && !j.over && j.welcome && j.transfer.Patience() > 0 {
		r.w.counts.JoinersLost++
	}
}
