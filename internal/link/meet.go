package link

import (
	"encoding/binary"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// Claim is what one end says to the other when they meet on a new connection.
type Claim struct {
	Epoch     uint64 // of the stream that it sends
	PeerEpoch uint64 // of the stream that it takes, 0 if it knows of none
	Received  uint64 // how much of that it has taken
	Dead      bool   // it cannot send without a gap, and will begin again some time
}

// verdict says how to go on after a meeting.
type verdict uint8

const (
	// resume: send from where the peer's claim says; the peer does the same.
	resume verdict = iota + 1

	// wait: the peer is not ready for this stream, which has not begun for it.
	// Nothing is lost; meet again later.
	wait

	// restart: the peer has lost its end, but this one has not carried anything.
	// Beginning again loses nothing.
	restart

	// lost: the peer has lost its end, and with it maybe records that were carried.
	// There is a gap.
	lost
)

// meet judges the peer's claim. It changes nothing.
//
// Epochs are never used twice. So, if each end either knows the other's present
// epoch or has never heard of any, then what the peer has taken is of this very
// stream, and all of it that the peer lacks must still be here.
func (s *stream) meet(c Claim) verdict {
	switch {
	case !c.Dead && c.Epoch != 0 && s.knows(c) && s.boundary(c.Received):
		return resume
	case s.peerEpoch == 0:
		return wait
	case !s.carried:
		return restart
	default:
		return lost
	}
}

// knows reports whether neither end takes the other for an earlier one.
func (s *stream) knows(c Claim) bool {
	if c.PeerEpoch == 0 && c.Received != 0 {
		return false // of which stream, then?
	}
	return (c.PeerEpoch == 0 || c.PeerEpoch == s.epoch) && (s.peerEpoch == 0 || s.peerEpoch == c.Epoch)
}

// resume goes on from what the peer has taken, on a new connection, and notes the
// peer's epoch. It follows a verdict of resume for the same claim.
func (s *stream) resume(c Claim) {
	s.drop(c.Received)
	s.sent = c.Received
	if !planted.On(planted.LinkForgetsClaim) {
		s.peerEpoch = c.Epoch
	}
	if planted.On(planted.ResumeSkips) && s.sent > 0 && s.sent < s.flushed {
		s.sent += headerBytes + uint64(binary.LittleEndian.Uint32(s.buf[s.at(s.sent):]))
	}
}
