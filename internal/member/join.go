package member

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// joiner is a joiner's side of observing: it loads a member's state and then follows
// its deliveries, until the node is in a view.
type joiner struct {
	transfer *Transfer     // under way, nil: none
	donor    isis.MemberID // whose state was loaded last
	ready    bool          // the state is loaded and close to the head
	try      int
	wait     time.Duration // before the next try
	refusals int           // in a row: donors that did not reach this node
}

// Pauses between tries to load a member's state.
const (
	leastJoinPause = 20 * time.Millisecond
	mostJoinPause  = time.Second
)

// refusalsToGiveUp is how many donors in a row, or how often the only one, must
// not have reached a joiner before it gives up.
const refusalsToGiveUp = 2

// join begins to load a donor's state, or tries again later, until the member is in a
// view.
func (m *Member) join() {
	j := &m.joiner
	if m.reader.inView.Load() || j.transfer != nil {
		return
	}
	donor, ok := m.pickDonor(j.try)
	j.try++
	if !ok {
		m.joinLater()
		return
	}
	j.transfer = m.newTransfer(donor)
	m.host.Observe(j.transfer)
}

func (m *Member) joinLater() {
	j := &m.joiner
	m.host.Timer(TimerJoin, j.wait)
	j.wait = min(2*j.wait, mostJoinPause)
}

// needsState reports whether a donor can still give this joiner what its first view
// begins with.
func (m *Member) needsState() bool {
	return m.core.Phase() == isis.Observing && !m.core.CutAcknowledged()
}

// donors are the members whose state and deliveries lead into the next view: those
// of the committed view that are in the attempt under way, too.
func (m *Member) donors() []membership.Member {
	members := m.directive.committed.Members
	if m.directive.latest.Attempt == nil {
		return members
	}
	attempt := m.directive.attempt()
	return slices.DeleteFunc(slices.Clone(members), func(m membership.Member) bool { return !attempt.Has(m.Incarnation) })
}

// pickDonor chooses a donor, another at each try.
func (m *Member) pickDonor(try int) (donor link.Peer, ok bool) {
	members := m.donors()
	if len(members) == 0 || !m.needsState() {
		return link.Peer{}, false
	}
	// The junior members first: the senior ones lead and tick.
	d := members[len(members)-1-try%len(members)]
	return link.Peer{MemberID: isis.MemberID{ID: d.ID, Incarnation: d.Incarnation}, Addr: d.PeerAddr}, true
}

// Take takes what a transfer has brought, as much as is good for one turn; there may be
// more Work. An error is the end of the transfer.
func (m *Member) Take(t *Transfer) error {
	switch {
	case t != m.joiner.transfer || m.failed != nil:
		return errTransferOver
	case t.state != nil:
		return m.startFollowing(t)
	case len(t.backlog) > 0:
		return m.catchUp(t)
	}
	burst, head := t.burst, t.head
	t.burst, t.head = t.burst[:0], headUnknown
	err := m.observed(burst)
	clear(burst)
	if err == nil {
		m.joiner.ready = m.joiner.ready || m.core.Position() >= head
	}
	return err
}

// catchUpBytes is how much of a backlog is applied in a turn. The registry hears
// nothing of this node during one.
const catchUpBytes = 1 << 20

// catchUp applies a part of the backlog, and lets go of it.
func (m *Member) catchUp(t *Transfer) error {
	count, size := 0, 0
	for count < len(t.backlog) && size < catchUpBytes {
		size += len(t.backlog[count].Payload)
		count++
	}
	err := m.observed(t.backlog[:count])
	clear(t.backlog[:count])
	t.backlog = t.backlog[count:]
	return err
}

// startFollowing takes the state loaded as the member's, unless it holds all that it
// needs already.
func (m *Member) startFollowing(t *Transfer) error {
	if !m.needsState() {
		return errTooLate
	}
	s := t.state
	t.state, t.followed = nil, true
	m.core.Observe(s.Applied(), t.donor.MemberID)
	m.reader.state.Store(s)
	m.joiner.donor, m.joiner.ready = t.donor.MemberID, false
	m.host.Event(Loaded{Donor: t.donor.MemberID, Position: s.Applied()})
	return nil
}

// observed applies deliveries of the donor.
func (m *Member) observed(burst []observedDelivery) error {
	for i := range burst {
		d := &burst[i]
		follows, err := m.core.Observed(d.View, d.First, d.Count)
		if follows {
			m.apply((*isis.Delivery)(d))
		}
		if err != nil {
			return err
		}
		if !follows {
			return ErrMemberNow
		}
	}
	return nil
}

// checkDonor gives up a donor that will not be in the next view: it may never come
// to the cut, and if its host is gone not even its connections end. Without it this
// joiner is not ready.
func (m *Member) checkDonor() {
	j := &m.joiner
	if !m.needsState() ||
		slices.ContainsFunc(m.donors(), func(d membership.Member) bool { return d.Incarnation == j.donor.Incarnation }) {
		return
	}
	j.ready = false
	if j.transfer != nil && j.transfer.followed {
		m.host.Observe(nil)
	}
}

// TransferEnded takes the end of a transfer, and its reason.
func (m *Member) TransferEnded(t *Transfer, err error) {
	j := &m.joiner
	if j.transfer != t {
		return
	}
	j.transfer = nil
	if m.reader.inView.Load() || m.failed != nil {
		return
	}
	if errors.Is(err, store.ErrLimits) {
		m.Fail(fmt.Errorf("%w: %w", ErrCannotLoad, err))
		return
	}
	m.host.Event(TransferOver{Donor: t.donor, Err: err, Needed: m.needsState()})
	if j.donor == t.donor.MemberID {
		j.wait = leastJoinPause
	}
	if j.refusals++; !errors.Is(err, ErrAdvertised) {
		j.refusals = 0
	}
	if j.refusals == refusalsToGiveUp {
		m.Fail(err)
		return
	}
	m.joinLater()
}
