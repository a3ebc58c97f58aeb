package member

import (
	"fmt"

	"github.com/seed-8247e700/dsm/isis"
)

// Damage is what a member knows of its own state being damaged: bytes in its memory are
// not what the group's order wrote there. It never changes.
type Damage struct {
	Err error // what is damaged

	// Alone: no other member has the state, or none that may be left alone with it. The
	// member goes on serving what it has.
	Alone bool
}

// Damaged takes note that the state is damaged. The member refuses its clients from
// here on and has itself taken out of the view, in good order: it still takes part in the
// protocol, so that the others need not wait until they miss it.
func (m *Member) Damaged(err error) {
	r := m.reader
	m.hurt = true
	if before := r.damage.Load(); before != nil {
		r.state.Load().Suspect()
		m.host.Event(DamageFound{Err: err, Again: true, Alone: before.Alone})
		return
	}
	r.damage.Store(&Damage{Err: err})
	r.state.Load().Suspect()
	if m.core.Phase() == isis.Observing && !m.core.CutAcknowledged() {
		m.host.Event(DamageFound{Err: err, Loaded: true})
		m.Fail(fmt.Errorf("%w: %w", ErrDamaged, err))
		return
	}
	m.host.Event(DamageFound{Err: err})
	m.bar()
}

// bar refuses clients until unbar, lease or not.
func (m *Member) bar() {
	m.leases.barred = true
	m.renewLease()
	if m.leases.held {
		m.lapse(false)
	}
	m.host.Event(Barred{})
}

// unbar lets the member serve while it has a lease.
func (m *Member) unbar() {
	m.leases.barred = false
	m.renewLease()
}

// setAlone notes whether this damaged member is the only one that has the state.
func (m *Member) setAlone(alone bool) {
	d := m.reader.damage.Load()
	if d.Alone == alone {
		return
	}
	m.reader.damage.Store(&Damage{Err: d.Err, Alone: alone})
	if alone {
		m.unbar()
		return
	}
	m.host.Event(DamageFound{Err: d.Err, NotAlone: true})
	m.bar()
}

// verify has the store verify another slice of the audit's share.
func (m *Member) verify() {
	if m.failed != nil {
		return
	}
	s := m.reader.state.Load()
	if err := s.Verify(); err != nil {
		m.Damaged(err)
		return
	}
	if d := m.reader.damage.Load(); d != nil && d.Alone && s.CleanPasses() > 0 {
		m.reader.damage.Store(nil)
		m.host.Event(Whole{Err: d.Err})
	}
}
