//go:build planted

package keeper

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
)

func TestPlanted(t *testing.T) {
	for bug, check := range map[planted.Bug]func(testing.TB){
		planted.ToldUnsaved: savedBeforeTold,
		planted.WedgeLost:   watchSeesTheNextAttempt,
	} {
		t.Run(bug.String(), func(t *testing.T) {
			planted.With(t, bug)
			complaint := planted.Complaint(t, check)
			if complaint == "" {
				t.Fatal("the bug is not found")
			}
			planted.Caught(t, bug, complaint)
		})
	}
}
