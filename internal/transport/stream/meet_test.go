package stream

import (
	"errors"
	"testing"
)

// TestMeet lists every case of two ends that meet. Own epoch is 5; the stream
// has one mark and one record that were let out.
func TestMeet(t *testing.T) {
	const whole = MarkBytes + headerBytes + 2
	for name, c := range map[string]struct {
		peerEpoch uint64 // as known here
		carried   bool
		theirs    Claim
		want      Verdict
	}{
		"strangers":                    {0, true, Claim{Epoch: 9}, Resume},
		"acquainted":                   {9, true, Claim{Epoch: 9, PeerEpoch: 5, Received: whole}, Resume},
		"nothing taken":                {9, true, Claim{Epoch: 9, PeerEpoch: 5}, Resume},
		"our reply was lost":           {9, true, Claim{Epoch: 9}, Resume},
		"their reply was lost":         {0, true, Claim{Epoch: 9, PeerEpoch: 5}, Resume},
		"they know an older one of us": {0, true, Claim{Epoch: 9, PeerEpoch: 4}, Wait},
		"they are dead":                {0, true, Claim{Epoch: 9, Dead: true}, Wait},
		"they began anew":              {9, true, Claim{Epoch: 10}, Lost},
		"they began anew in time":      {9, false, Claim{Epoch: 10}, Restart},
		"they died":                    {9, true, Claim{Epoch: 10, Dead: true}, Lost},
		"they died in time":            {9, false, Claim{Epoch: 10, Dead: true}, Restart},
		"inside a record":              {9, true, Claim{Epoch: 9, PeerEpoch: 5, Received: 3}, Lost},
		"beyond the end":               {9, true, Claim{Epoch: 9, PeerEpoch: 5, Received: whole + 1}, Lost},
		"of no stream":                 {0, true, Claim{Epoch: 9, Received: whole}, Wait},
		"no epoch":                     {0, true, Claim{}, Wait},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(5, testLimits)
			if err := s.Resume(Claim{Epoch: c.peerEpoch}); err != nil {
				t.Fatal(err)
			}
			if c.carried {
				add(t, s, []byte("x"))
			}
			s.Flush(0)
			if got := s.Meet(c.theirs); got != c.want {
				t.Fatalf("verdict %d, want %d", got, c.want)
			}
		})
	}
}

func TestMeetAfterConfirmation(t *testing.T) {
	s := New(5, testLimits)
	if err := s.Resume(Claim{Epoch: 9}); err != nil {
		t.Fatal(err)
	}
	add(t, s, []byte("x"))
	s.Flush(0)
	theirs := Claim{Epoch: 9, PeerEpoch: 5}
	if err := s.Confirm(MarkBytes); err != nil {
		t.Fatal(err)
	}
	if v := s.Meet(theirs); v != Lost {
		t.Fatalf("a peer that takes back its confirmation: verdict %d", v)
	}
	if err := s.Resume(theirs); !errors.Is(err, ErrConfirm) {
		t.Fatalf("resumed with a gap: %v", err)
	}
	s.Reset(6)
	if c := s.Claim(0); c != (Claim{Epoch: 6}) || s.Kept() != 0 {
		t.Fatalf("after a reset: %+v, %d bytes", c, s.Kept())
	}
}
