//go:build planted

package link

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// TestPlantedResumeSkips has the model find that a link which is resumed goes on
// behind a record that the peer has not taken.
func TestPlantedResumeSkips(t *testing.T) {
	planted.Property(t, planted.ResumeSkips, "two ends on connections that break", func(t testing.TB) {
		rapid.Check(t, streamsModel)
	})
}

// TestPlantedLinkForgetsClaim has the model find that an end which has lost what it knew
// is taken for the one before it.
func TestPlantedLinkForgetsClaim(t *testing.T) {
	planted.Property(t, planted.LinkForgetsClaim, "two links that break and begin again", func(t testing.TB) {
		rapid.Check(t, linksModel)
	})
}

// TestPlantedGreetingUnjudged has somebody else take over a link, in the name of the peer.
func TestPlantedGreetingUnjudged(t *testing.T) {
	planted.With(t, planted.GreetingUnjudged)
	e := newEnds(t)
	e.keyed(Key{1}, Key{1})
	e.dial()
	h, _ := e.b.Hello()
	h.Extra = Greeting{From: idb, To: ida, Dial: 1 << 62, Claim: Claim{Epoch: 99}}.append(nil)
	err := e.judged(h)
	if s := e.a.Status(); err != nil || s.Connected {
		t.Fatalf("%v, the link is %+v", err, s)
	}
	planted.Caught(t, planted.GreetingUnjudged, "a greeting without a proof: the connection of the peer is superseded")
}
