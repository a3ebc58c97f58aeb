package bench

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
)

// TestRealProfiles has each process of a run write profiles of its own, and tell what
// it used.
func TestRealProfiles(t *testing.T) {
	cfg := shortConfig()
	cfg.Processes = true
	file := filepath.Join(t.TempDir(), "profile")
	r, err := Run(t.Context(), cfg, program.Env{Notices: t.Output(), Profiles: program.Profiles{CPU: file, Memory: file + ".mem", Trace: file + ".trace"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"n1", "n2", fault.Registry} {
		for _, f := range []string{file, file + ".mem", file + ".trace"} {
			if info, err := os.Stat(f + "." + name); err != nil || info.Size() == 0 {
				t.Errorf("%s has not written its profile: %v", name, err)
			}
		}
	}
	if len(r.Costs) != 3 || r.Costs[0].Process != "n1" || r.Costs[0].HeapAfter == 0 || r.Costs[2].Process != report.ClientsProcess {
		t.Errorf("costs %+v", r.Costs)
	}
}
