package cluster

import (
	"strings"
	"testing"
)

// TestLogSwitch is silent unless it is on.
func TestLogSwitch(t *testing.T) {
	var out strings.Builder
	s := newLogSwitch(&out)
	s.logger.Error("before")
	s.on()
	s.logger.Warn("during")
	s.logger.Info("chatter")
	s.off()
	s.logger.Error("after")
	if got := out.String(); !strings.Contains(got, "during") || strings.Count(got, "\n") != 1 {
		t.Errorf("logged %q", got)
	}
}
