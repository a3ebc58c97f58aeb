package systems

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersions(t *testing.T) {
	if got := parseRedisVersion([]byte("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1\n")); got != "7.0.15" {
		t.Errorf("%q", got)
	}
	if got := parseRedisVersion([]byte("nonsense\n")); got != unknown {
		t.Errorf("%q", got)
	}
	info := &debug.BuildInfo{
		Main: debug.Module{Path: "go.etcd.io/etcd/server/v3", Version: "v3.7.3"},
		Deps: []*debug.Module{{Path: "go.uber.org/zap", Version: "v1.27.1"}},
	}
	for module, want := range map[string]string{"go.etcd.io/etcd/server/v3": "v3.7.3", "go.uber.org/zap": "v1.27.1", "other": unknown} {
		if got := versionIn(info, module); got != want {
			t.Errorf("%s: %q", module, got)
		}
	}
}

// TestSystemsSayWhatTheyPromise: a figure without its price is no comparison.
func TestSystemsSayWhatTheyPromise(t *testing.T) {
	for _, s := range All() {
		if s.Title == "" || s.Text == "" || s.Start == nil {
			t.Errorf("%s has no title, text or start", s.Name)
		}
		if !s.Limit && (s.Holds == "" || s.Disk == "" || s.Reads == "" || s.Client == "") {
			t.Errorf("%s does not say what its figures are the price of", s.Name)
		}
		if v := s.ClientVersion(); (v == "") != (s.Module == "") || !strings.Contains(s.Module, strings.Fields(v + " x")[0]) && v != "" {
			t.Errorf("%s has the client %q", s.Name, v)
		}
	}
}
