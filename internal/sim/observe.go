package sim

import (
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// observer is a joiner's side of observing. It is simpler than the server's in one
// thing: it counts as ready once it has come to where the donor was when the state
// was sent, as a joiner may that has fallen behind again. Deliveries that come while
// the state is on its way wait at the donor.
type observer struct {
	donor    isis.MemberID
	conn     *conn
	followed *conn           // the connection whose snapshot is loaded
	restorer *store.Restorer // a snapshot is on its way
	head     uint64
	ready    bool
	try      int
	wait     time.Duration
	refusals int // in a row
	burst    []streamed
}

// streamed is a delivery on its way from a donor.
type streamed struct {
	view, first uint64
	count       uint32
	sender      isis.MemberID
	seq         uint64
	payload     []byte
}

// observe dials a donor, until the replica is in a view.
func (r *replica) observe() {
	o := &r.observer
	if r.over || r.serving || o.conn != nil {
		return
	}
	again := func() {
		wait := o.wait
		o.wait = min(2*wait, time.Second)
		r.p.after(wait, r.observe)
	}
	donor, ok := r.pickDonor(o.try)
	o.try++
	if !ok || r.w.byAddr[donor.PeerAddr] == nil {
		again()
		return
	}
	if r.w.tracing() {
		r.w.trace("%s asks %s for its state", r, donor)
	}
	c := r.w.connect(r.p.site, r.p, r.w.byAddr[donor.PeerAddr])
	o.conn = c
	ended := func() {
		if o.conn != c {
			return
		}
		if r.w.tracing() {
			r.w.trace("%s observes %s no more", r, donor)
		}
		o.conn, o.restorer = nil, nil
		c.close(0)
		again()
	}
	c.ends[0].onClose = ended
	c.send(1, func() { c.ends[1].p.asked(c, r, donor.Incarnation) })
	r.patience(c, ended)
}

// patience gives a donor up that sends nothing for long while it is loaded.
func (r *replica) patience(c *conn, ended func()) {
	o := &r.observer
	before := c.ends[0].last
	r.p.after(4*r.w.traits.detection, func() {
		if o.conn != c || o.followed == c {
			return
		}
		if c.ends[0].last == before {
			ended()
			return
		}
		r.patience(c, ended)
	})
}

// donors are the members whose state and deliveries lead into the next view.
func (r *replica) donors() []membership.Member {
	d := &r.directive
	if d.committed == nil {
		return nil
	}
	if d.latest.Attempt == nil {
		return d.committed.Members
	}
	var donors []membership.Member
	for _, m := range d.committed.Members {
		if d.latest.Attempt.View.Has(m.Incarnation) {
			donors = append(donors, m)
		}
	}
	return donors
}

func (r *replica) pickDonor(try int) (membership.Member, bool) {
	members := r.donors()
	if len(members) == 0 || r.core.Phase() != isis.Observing || r.core.CutAcknowledged() {
		return membership.Member{}, false
	}
	return members[len(members)-1-try%len(members)], true
}

// startFollowing takes the state loaded as the replica's, unless the node holds
// all it needs already.
func (r *replica) startFollowing(c *conn, s *store.Store, head uint64, donor isis.MemberID) {
	o := &r.observer
	if o.conn != c || r.core.Phase() != isis.Observing || r.core.CutAcknowledged() {
		r.dropDonor(c)
		return
	}
	o.restorer = nil
	if r.w.tracing() {
		r.w.trace("%s has loaded the state of %s#%d at %d", r, donor.ID, donor.Incarnation, s.Applied())
	}
	r.w.counts.Snapshots++
	r.core.Observe(s.Applied(), donor)
	r.adopt(s)
	r.w.order(r.generation).loaded(r)
	o.donor, o.head, o.followed = donor, head, c
	o.ready = s.Applied() >= head
	o.wait = 20 * time.Millisecond
}

// dropDonor gives a donor's connection up.
func (r *replica) dropDonor(c *conn) {
	if r.observer.conn == c && c.ends[0].onClose != nil {
		c.ends[0].onClose()
	}
}

// checkDonor gives up a donor that will not be in the next view.
func (r *replica) checkDonor() {
	o := &r.observer
	if o.conn == nil || o.followed != o.conn || r.core.Phase() != isis.Observing || r.core.CutAcknowledged() {
		return
	}
	if slices.ContainsFunc(r.donors(), func(m membership.Member) bool { return m.Incarnation == o.donor.Incarnation }) {
		return
	}
	o.ready = false
	r.dropDonor(o.conn)
}

// observed applies deliveries of the donor.
func (r *replica) observed(c *conn) {
	o := &r.observer
	burst := o.burst
	o.burst = nil
	if o.conn != c {
		return
	}
	for i := range burst {
		d := &burst[i]
		follows, err := r.core.Observed(d.view, d.first, d.count)
		if err != nil {
			r.w.fail("stream: %s: %v", r, err)
		}
		if !follows {
			r.dropDonor(c)
			return
		}
		r.apply(&isis.Delivery{View: d.view, Sender: d.sender, Seq: d.seq, First: d.first, Count: d.count, Payload: d.payload})
	}
	o.ready = r.core.Position() >= o.head
}
