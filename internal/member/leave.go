package member

import (
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// leave is how the member has itself taken out of the view: because it is to leave, or
// because its state is damaged.
type leave struct {
	force bool
	idle  bool // nothing that clients have submitted here is under way
	asks  bool // a question to the registry is under way
	waits bool // TimerLeave is pending
	stale bool // the question under way was asked before the latest Leave or Stay
}

const (
	// leaveAgain is how often the registry is asked to let a node go until it has.
	// It forgets that when it is restarted, and when others have gone meanwhile.
	leaveAgain = 200 * time.Millisecond

	// aloneAgain is how often a damaged member asks that is the only one.
	aloneAgain = time.Second
)

// Leave takes the member out of its group: it takes no new writes, finishes those that
// clients have submitted here, and asks the registry for a view without it until it is
// told of one: then it ends with ErrLeft. A refusal that stands is told by the event
// LeaveRefused, and the member goes on. The last member leaves by force only.
func (m *Member) Leave(force bool) {
	m.reader.leaving.Store(true)
	l := &m.leave
	l.force, l.idle, l.waits, l.stale = force, false, false, l.asks
	if !planted.On(planted.LeavesUnsafely) {
		m.core.DeliverSafely(true)
	}
	m.host.Event(Leaves{})
}

// Stay gives up leaving.
func (m *Member) Stay() {
	m.reader.leaving.Store(false)
	m.leave.stale = m.leave.asks
	m.core.DeliverSafely(false)
}

// askToLeave asks the registry for a view without this member, if it is to be asked now.
func (m *Member) askToLeave() {
	l := &m.leave
	if l.asks || l.waits || m.failed != nil {
		return
	}
	if m.reader.leaving.Load() {
		if l.idle = l.idle || m.core.Idle(); l.idle {
			from := m.From()
			from.Generation = 0 // any
			l.asks = true
			m.host.AskToLeave(from, l.force, "left")
		}
		return
	}
	if d := m.reader.damage.Load(); d != nil {
		l.asks = true
		m.host.AskToLeave(m.From(), false, d.Err.Error())
	}
}

// LeaveAnswered takes the registry's answer to AskToLeave.
func (m *Member) LeaveAnswered(err error) {
	l := &m.leave
	stale := l.stale
	l.asks, l.stale = false, false
	if stale {
		return // it says nothing of what is wanted now
	}
	again := leaveAgain
	if m.reader.leaving.Load() {
		if errors.Is(err, membership.ErrLastMember) || Stands(err) || err != nil && planted.On(planted.LeaveGivesUp) {
			m.Stay()
			m.host.Event(LeaveRefused{Err: err})
		}
	} else if d := m.reader.damage.Load(); d != nil {
		alone := errors.Is(err, membership.ErrLastMember)
		if alone || err == nil || errors.Is(err, membership.ErrMinMembers) {
			m.setAlone(alone)
		}
		if alone {
			again = aloneAgain
		}
	}
	l.waits = true
	m.host.Timer(TimerLeave, again)
}

// Stands reports whether a refusal to let a node go is not going to change by itself.
func Stands(err error) bool {
	return errors.Is(err, membership.ErrMinMembers) || errors.Is(err, membership.ErrOtherGroup) || errors.Is(err, membership.ErrInvalid)
}
