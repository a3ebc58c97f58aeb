package stream

import (
	"encoding/binary"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// Claim is what one end tells the other when they meet on a new connection.
type Claim struct {
	Epoch     uint64 // of the stream that it sends
	PeerEpoch uint64 // of the stream that it takes, 0 if it knows of none
	Received  uint64 // how much of that it has taken
	Dead      bool   // it cannot send without a gap, and will begin anew some time
}

// Verdict says how to go on after a meeting.
type Verdict uint8

// The verdicts.
const (
	// Resume: send from where the peer's claim says, once Resume was called
	// with it; the peer does the same.
	Resume Verdict = iota + 1

	// Wait: the peer is not ready for this stream, which has not begun for it.
	// Nothing is lost; meet again later.
	Wait

	// Restart: the peer has lost its end, but this one has not carried
	// anything. Reset loses nothing.
	Restart

	// Lost: the peer has lost its end, and with it maybe records that were
	// carried. There is a gap until the owners agree to begin anew.
	Lost
)

// Claim returns what to tell the peer, having taken received of its stream.
func (s *Stream) Claim(received uint64) Claim {
	return Claim{Epoch: s.epoch, PeerEpoch: s.peerEpoch, Received: received}
}

// Meet judges the peer's claim. It changes nothing.
//
// Epochs are never used twice. So, if each end either knows the other's present
// epoch or has never heard of any, then what the peer has taken is of this very
// stream, and all of it that the peer lacks must still be here.
func (s *Stream) Meet(c Claim) Verdict {
	switch {
	case !c.Dead && c.Epoch != 0 && s.knows(c) && s.boundary(c.Received):
		return Resume
	case s.peerEpoch == 0:
		return Wait
	case !s.carried:
		return Restart
	default:
		return Lost
	}
}

// knows reports whether neither end takes the other for an earlier one.
func (s *Stream) knows(c Claim) bool {
	if c.PeerEpoch == 0 && c.Received != 0 {
		return false // of which stream, then?
	}
	return (c.PeerEpoch == 0 || c.PeerEpoch == s.epoch) && (s.peerEpoch == 0 || s.peerEpoch == c.Epoch)
}

// Resume goes on from what the peer has taken, on a new connection, and notes the
// peer's epoch. It follows a verdict of Resume for the same claim. An error means
// that the peer took back what it had confirmed.
func (s *Stream) Resume(c Claim) error {
	if err := s.Confirm(c.Received); err != nil {
		return err
	}
	if c.Received != s.base {
		return fmt.Errorf("%w: %d taken after %d were confirmed", ErrConfirm, c.Received, s.base)
	}
	s.sent, s.peerEpoch = c.Received, c.Epoch
	if planted.On(planted.ResumeSkips) && s.sent > 0 && s.sent < s.flushed {
		s.sent += headerBytes + uint64(binary.LittleEndian.Uint32(s.buf[s.at(s.sent):]))
	}
	return nil
}
