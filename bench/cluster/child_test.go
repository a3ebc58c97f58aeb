package cluster

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/bench/program"
)

// TestChildRefuses says that the command is not for people.
func TestChildRefuses(t *testing.T) {
	var out strings.Builder
	if err := Child([]string{"node"}, strings.NewReader(""), &out, &out); !errors.Is(err, program.ErrConfig) || out.Len() > 0 {
		t.Errorf("error %v, output %q", err, out.String())
	}
}
