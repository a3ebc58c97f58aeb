package link

import (
	"bytes"
	"errors"
	"testing"

	"github.com/seed-8247e700/dsm/isis"
)

// Claims in bytes, as every release has them.
func TestClaim(t *testing.T) {
	for want, c := range map[string]Claim{
		"\x01\x02\x80\x01\x00": {Epoch: 1, PeerEpoch: 2, Received: 128},
		"\x00\x00\x00\x01":     {Dead: true},
	} {
		if got := string(c.append(nil)); got != want {
			t.Errorf("%+v is %q, want %q", c, got, want)
		}
		if got, err := decodeClaim([]byte(want)); err != nil || got != c {
			t.Errorf("%q is %+v, %v", want, got, err)
		}
	}
	for _, b := range []string{"", "\x00\x00\x00", "\x00\x00\x00\x02"} {
		if c, err := decodeClaim([]byte(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q is %+v, %v", b, c, err)
		}
	}
}

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
