package sim

import (
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
)

// feed carries a donor's state and then its deliveries to a joiner.
type feed struct {
	r        *replica
	c        *conn
	joiner   uint64
	to       *replica
	snapshot *store.Snapshot
	pending  []streamed
	bytes    int
	over     bool
}

// asked takes a joiner's wish to observe, once it has proved that it is where it
// says.
func (p *process) asked(c *conn, joiner *replica, donor uint64) {
	r := p.current
	if r == nil || r.over || r.self.Incarnation != donor || r.generation != joiner.generation {
		c.close(1)
		return
	}
	r.prove(c, joiner, r.p.local()+r.w.traits.detection)
}

// prove looks for a joiner at its address before it is served.
func (r *replica) prove(c *conn, joiner *replica, until time.Duration) {
	if r.over || c.ends[1].closed {
		return
	}
	m, known := r.directive.members[joiner.self.Incarnation]
	if !known {
		if r.p.local() >= until {
			c.close(1)
			return
		}
		r.p.after(10*time.Millisecond, func() { r.prove(c, joiner, until) })
		return
	}
	n := &r.w.network
	found := r.w.byAddr[m.PeerAddr]
	if found == nil || found.current != joiner || n.cut(r.p.site, found.site) || n.cut(found.site, r.p.site) {
		c.send(0, joiner.notReached)
		c.close(1)
		return
	}
	r.post(func() { r.donate(c, joiner) })
}

// notReached counts donors that do not reach this joiner; after some it gives up.
func (r *replica) notReached() {
	if r.observer.refusals++; r.observer.refusals >= 2 {
		r.post(func() { r.fail(unreached) })
	}
}

// donate sends a joiner the state and then the deliveries as they happen.
func (r *replica) donate(c *conn, joiner *replica) {
	if !r.serving || r.damage.known || c.ends[1].closed {
		c.close(1)
		return
	}
	f := &feed{r: r, c: c, joiner: joiner.self.Incarnation, to: joiner, snapshot: r.state.Snapshot()}
	r.feeds = append(r.feeds, f)
	c.ends[1].onClose = f.end
	c.send(0, func() {
		joiner.observer.refusals = 0
		if joiner.observer.conn == c {
			joiner.observer.restorer = store.Restore(joiner.limits())
		}
	})
	f.sendChunk()
}

// sendChunk sends the next part of the snapshot, or that it is complete.
func (f *feed) sendChunk() {
	if f.over || f.r.over || f.r.p.ambush(CrashDonor) {
		return
	}
	b, more, err := f.snapshot.Next(nil, f.r.w.traits.chunkBytes)
	if err != nil {
		f.refuseJoiner(err)
		return
	}
	to, c := f.to, f.c
	c.send(0, func() { to.chunk(c, b) })
	f.r.p.brink()
	if more {
		f.r.p.after(upTo(f.r.w.machines, 2*(f.r.p.pace+f.r.w.traits.chunkGap)), f.sendChunk)
		return
	}
	f.snapshot.Close()
	f.snapshot = nil
	head, donor := f.r.state.Applied(), f.r.self
	c.send(0, func() {
		if to.observer.conn != c || to.observer.restorer == nil || to.over {
			return
		}
		s, err := to.observer.restorer.Finish()
		if err != nil {
			to.w.fail("snapshot: %s cannot load it: %v", to, err)
		}
		to.post(func() { to.startFollowing(c, s, head, donor) })
	})
	f.publish()
}

// chunk takes a part of a snapshot.
func (r *replica) chunk(c *conn, b []byte) {
	if r.observer.conn != c || r.observer.restorer == nil || r.over || r.p.ambush(CrashJoiner) {
		return
	}
	if err := r.observer.restorer.Chunk(b); err != nil {
		r.w.fail("snapshot: %s cannot load it: %v", r, err)
	}
}

// add appends a delivery.
func (f *feed) add(d streamed) {
	if f.over {
		return
	}
	f.pending = append(f.pending, d)
	f.bytes += len(d.payload) + 16
}

// publish ends a turn: feeds that are not held up by their snapshot are sent.
// One that is too far behind ends.
func (r *replica) publish() {
	if len(r.feeds) == 0 {
		return
	}
	r.feeds = slices.DeleteFunc(r.feeds, func(f *feed) bool {
		if f.snapshot != nil && f.bytes > r.w.traits.lagBytes && !r.w.healed {
			r.w.counts.Lagged++
			f.end()
		}
		f.publish()
		return f.over
	})
}

func (f *feed) publish() {
	if f.over || f.snapshot != nil || len(f.pending) == 0 {
		return
	}
	burst := f.pending
	f.pending, f.bytes = nil, 0
	to, c := f.to, f.c
	f.c.send(0, func() {
		if to.over || to.observer.conn != c {
			return
		}
		to.observer.burst = append(to.observer.burst, burst...)
		to.post(func() { to.observed(c) })
	})
}

// end ends the feed; what has been added before still goes out.
func (f *feed) end() {
	if f.over {
		return
	}
	f.publish()
	f.over = true
	if f.snapshot != nil {
		f.snapshot.Close()
		f.snapshot = nil
	}
	f.c.close(1)
}

// countTransfers counts what a crash has interrupted.
func (r *replica) countTransfers() {
	for _, f := range r.feeds {
		if f.snapshot != nil {
			r.w.counts.DonorsLost++
		}
	}
	if r.observer.restorer != nil {
		r.w.counts.JoinersLost++
	}
}
