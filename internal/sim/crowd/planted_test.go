//go:build planted

package crowd_test

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// TestPlanted switches on a mistake that shows where members have much under way on slow
// ports: some go that have not crashed.
func TestPlanted(t *testing.T) {
	planted.With(t, planted.SlowIsSilent)
	for _, c := range cases {
		if why := c.crash(t); why != "" {
			planted.Caught(t, planted.SlowIsSilent, c.name+": "+why)
			return
		}
	}
	t.Error("no case shows it")
}
