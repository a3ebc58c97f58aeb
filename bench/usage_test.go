package bench

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUsage holds that what a process tells of itself grows, and is told apart from
// what was before.
func TestUsage(t *testing.T) {
	before, err := ownUsage()
	if err != nil {
		t.Fatal(err)
	}
	kept := make([]byte, 1<<20)
	after, err := collectedUsage()
	if err != nil {
		t.Fatal(err)
	}
	d := after.since(before)
	if d.AllocBytes < uint64(len(kept)) || d.Cycles == 0 || len(d.Pauses) == 0 || d.At <= 0 {
		t.Errorf("usage %+v", d)
	}
	if runtime.GOOS == "linux" && (after.CPU <= 0 || after.ReadCalls == 0 || after.Resident == 0) {
		t.Errorf("usage of the process %+v", after.processUsage)
	}
	runtime.KeepAlive(kept)
}

func TestPauses(t *testing.T) {
	h := &metrics.Float64Histogram{Counts: []uint64{0, 3, 0, 1}, Buckets: []float64{0, 1e-6, 2e-6, 3e-6, math.Inf(1)}}
	list := pausesOf(h)
	if want := []gcPause{{2 * time.Microsecond, 3}, {3 * time.Microsecond, 1}}; !slices.Equal(list, want) {
		t.Errorf("pauses %v, want %v", list, want)
	}
	u := usage{Pauses: list}
	if d := u.since(usage{Pauses: []gcPause{{2 * time.Microsecond, 3}}}); !slices.Equal(d.Pauses, list[1:]) {
		t.Errorf("pauses since %v", d.Pauses)
	}
	for q, want := range map[float64]time.Duration{0.5: 2 * time.Microsecond, 0.99: 3 * time.Microsecond, 1: 3 * time.Microsecond} {
		if got := pauseQuantile(list, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := pauseQuantile(nil, 1); got != 0 {
		t.Errorf("the longest of no pause is %v", got)
	}
}

// TestRealIdle watches a real node for a moment. What it costs is not looked at.
func TestRealIdle(t *testing.T) {
	r, err := Idle(t.Context(), IdleConfig{Nodes: 1, Duration: leastPhase}, Env{Notices: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || len(r.Processes) != 1 || !strings.Contains(text.String(), "n1") {
		t.Errorf("error %v, report %+v, text %s", err, r, text.String())
	}
}

func TestIdleJudges(t *testing.T) {
	r := &IdleReport{}
	u := usage{At: 10 * time.Second}
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

// TestRealProfiles has each process of a run write profiles of its own, and tell what
// it used.
func TestRealProfiles(t *testing.T) {
	cfg := shortConfig()
	cfg.Processes = true
	file := filepath.Join(t.TempDir(), "profile")
	r, err := Run(t.Context(), cfg, Env{Notices: t.Output(), Profiles: Profiles{CPU: file, Memory: file + ".mem", Trace: file + ".trace"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"n1", "n2", registryName} {
		for _, f := range []string{file, file + ".mem", file + ".trace"} {
			if info, err := os.Stat(f + "." + name); err != nil || info.Size() == 0 {
				t.Errorf("%s has not written its profile: %v", name, err)
			}
		}
	}
	if len(r.Costs) != 3 || r.Costs[0].Process != "n1" || r.Costs[0].HeapAfter == 0 || r.Costs[2].Process != clientsProcess {
		t.Errorf("costs %+v", r.Costs)
	}
}

func TestProfileArgs(t *testing.T) {
	p := Profiles{CPU: "a=b", Trace: "t"}.of("n1")
	got, rest := cutProfiles(append(p.args(), "node", "--x"))
	if got != p || !slices.Equal(rest, []string{"node", "--x"}) {
		t.Errorf("%+v and %q of %q", got, rest, p.args())
	}
	if _, rest := cutProfiles(nil); len(rest) != 0 {
		t.Errorf("rest %q of nothing", rest)
	}
	memory := filepath.Join(t.TempDir(), "m")
	if _, err := (Profiles{Memory: memory, CPU: filepath.Join(t.TempDir(), "none", "x")}).Start(); err == nil {
		t.Error("a file that cannot be made is no error")
	}
	if _, err := os.Stat(memory); err == nil {
		t.Error("a profile was written of what did not begin")
	}
}
