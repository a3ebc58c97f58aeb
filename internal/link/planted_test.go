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
