package link

import (
	"bytes"
	"testing"

	"github.com/seed-8247e700/dsm/isis"
)

func FuzzDecodeGreeting(f *testing.F) {
	f.Add(Greeting{
		From: isis.MemberID{ID: "n2", Incarnation: 2}, To: isis.MemberID{ID: "n1", Incarnation: 1},
		Dial: 3, Claim: Claim{Epoch: 4, PeerEpoch: 5, Received: 6},
	}.append(nil))
	f.Add(Greeting{Claim: Claim{Dead: true}}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := decodeGreeting(b)
		if err != nil {
			return
		}
		// A later release may have appended something.
		if again := g.append(nil); !bytes.HasPrefix(b, again) {
			t.Fatalf("%x became %+v and then %x", b, g, again)
		}
		if c, err := decodeClaim(g.Claim.append(nil)); err != nil || c != g.Claim {
			t.Fatalf("claim %+v became %+v, %v", g.Claim, c, err)
		}
	})
}
