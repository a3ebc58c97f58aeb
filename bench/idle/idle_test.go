package idle

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/program"
)

// TestRealIdle watches a real node for a moment. What it costs is not looked at.
func TestRealIdle(t *testing.T) {
	r, err := Run(t.Context(), Config{Nodes: 1, Duration: program.LeastPhase}, program.Env{Notices: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || len(r.Processes) != 1 || !strings.Contains(text.String(), "n1") {
		t.Errorf("error %v, report %+v, text %s", err, r, text.String())
	}
}

func TestIdleJudges(t *testing.T) {
	r := &Report{}
	u := cluster.Usage{At: 10 * time.Second}
	u.CPU, u.Resident = 100*time.Millisecond, 40<<20
	r.add("n1", u)
	if !r.Pass() {
		t.Errorf("failures %q", r.Failures)
	}
	u.CPU, u.Resident = 110*time.Millisecond, 41<<20
	r.add("n2", u)
	if len(r.Failures) != 2 || !strings.Contains(r.Failures[0], "n2 uses 1.10% of a core") || !strings.Contains(r.Failures[1], "41.0 MiB") {
		t.Errorf("failures %q", r.Failures)
	}
}
