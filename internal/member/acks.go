package member

import "time"

// ackDelay is how long an acknowledgement that no member waits for may wait for a message
// to go out with.
const ackDelay = time.Millisecond

// armAckTimer arms the timer after which acknowledgements that wait go out alone.
func (m *Member) armAckTimer() {
	if m.ackArmed || !m.core.AcksWait() {
		return
	}
	m.ackArmed = true
	m.host.Timer(TimerAcks, ackDelay)
}
