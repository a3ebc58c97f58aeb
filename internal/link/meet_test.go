package link

import "testing"

// TestMeet lists every case of two ends that meet. Own epoch is 5; the stream
// has one mark and one record that were let out.
func TestMeet(t *testing.T) {
	const whole = MarkBytes + headerBytes + 2
	for name, c := range map[string]struct {
		peerEpoch uint64 // as known here
		carried   bool
		theirs    Claim
		want      verdict
	}{
		"strangers":                    {0, true, Claim{Epoch: 9}, resume},
		"acquainted":                   {9, true, Claim{Epoch: 9, PeerEpoch: 5, Received: whole}, resume},
		"nothing taken":                {9, true, Claim{Epoch: 9, PeerEpoch: 5}, resume},
		"our reply was lost":           {9, true, Claim{Epoch: 9}, resume},
		"their reply was lost":         {0, true, Claim{Epoch: 9, PeerEpoch: 5}, resume},
		"they know an older one of us": {0, true, Claim{Epoch: 9, PeerEpoch: 4}, wait},
		"they are dead":                {0, true, Claim{Epoch: 9, Dead: true}, wait},
		"they began anew":              {9, true, Claim{Epoch: 10}, lost},
		"they began anew in time":      {9, false, Claim{Epoch: 10}, restart},
		"they died":                    {9, true, Claim{Epoch: 10, Dead: true}, lost},
		"they died in time":            {9, false, Claim{Epoch: 10, Dead: true}, restart},
		"inside a record":              {9, true, Claim{Epoch: 9, PeerEpoch: 5, Received: 3}, lost},
		"beyond the end":               {9, true, Claim{Epoch: 9, PeerEpoch: 5, Received: whole + 1}, lost},
		"of no stream":                 {0, true, Claim{Epoch: 9, Received: whole}, wait},
		"no epoch":                     {0, true, Claim{}, wait},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStream(5, testLimits)
			s.resume(Claim{Epoch: c.peerEpoch})
			if c.carried {
				add(t, s, []byte("x"))
			}
			s.flush(0)
			if got := s.meet(c.theirs); got != c.want {
				t.Fatalf("verdict %d, want %d", got, c.want)
			}
		})
	}
}

func TestMeetAfterConfirmation(t *testing.T) {
	s := newStream(5, testLimits)
	s.resume(Claim{Epoch: 9})
	add(t, s, []byte("x"))
	s.flush(0)
	theirs := Claim{Epoch: 9, PeerEpoch: 5}
	if err := s.confirm(MarkBytes); err != nil {
		t.Fatal(err)
	}
	if v := s.meet(theirs); v != lost {
		t.Fatalf("a peer that takes back its confirmation: verdict %d", v)
	}
}
