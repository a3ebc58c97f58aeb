package member

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Links carries messages to other members. *transport.Network is one.
type Links interface {
	// Send queues a message. It is lost if there is no link with the member.
	Send(to isis.MemberID, m *isis.Message)

	// Flush sends what is queued.
	Flush()

	// SetPeers says which nodes to be linked with, by their incarnations. A link that is
	// dead begins again when the peer's Bound has grown, or is 0.
	SetPeers(peers []link.Peer)

	// AppendPeers appends how the links are, by the peers' incarnations.
	AppendPeers(dst []link.Status) []link.Status
}

// Host does what a member asks for.
type Host interface {
	// Timer asks for a call of Fire after some time. There is one of each kind: a later
	// request replaces the one before.
	Timer(t Timer, after time.Duration)

	// Beat sends a heartbeat, in place of one that was not sent yet. The answer goes to
	// Answered.
	Beat(b *Beat)

	// AskToLeave asks the registry for a view without this member, with a bound on the
	// time. The answer goes to LeaveAnswered.
	AskToLeave(from membership.From, force bool, reason string)

	// Observe runs a transfer, after ending the one before; nil only ends that. The end
	// of a transfer is told by TransferEnded.
	Observe(t *Transfer)

	// Delivered takes what was delivered, while Deliveries is on. It is reused, but for
	// the Payload, and for the Effects if the host sets them to nil.
	Delivered(d *wire.Delivery)

	// Event takes what has happened, for people and for whoever waits for it.
	Event(e Event)
}

// Timer is a kind of timer.
type Timer uint8

// The kinds of timers.
const (
	TimerPulse Timer = iota // all that is due from time to time
	TimerAcks               // acknowledgements that found nothing to ride on
	TimerJoin               // the next attempt to load a member's state
	TimerLeave              // the next question to the registry
	TimerClock              // the next tick, if something waits for it
	TimerAudit              // the next audit that clients ask for
	Timers                  // how many kinds there are
)

// Fire takes the end of a timer.
func (m *Member) Fire(t Timer) {
	switch t {
	case TimerPulse:
		m.pulse()
	case TimerAcks:
		m.ackArmed = false
		m.core.SendAcks()
	case TimerJoin:
		m.join()
	case TimerLeave:
		m.leave.waits = false
	case TimerClock:
		m.ordinal.armed = 0
		m.orderTime(m.clock.Steady())
	case TimerAudit:
		m.orderAskedAudit()
	}
}
