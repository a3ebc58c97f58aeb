package server

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry"
)

// What does not pass by itself is an error, repeated while it lasts; a registry
// that is away is a warning, once.
func TestRegistryTrouble(t *testing.T) {
	for _, test := range []struct {
		err         error
		level, text string
		times       int
	}{
		{registry.ErrOtherGroup, "ERROR", "does not have this group's record", 3},
		{registry.ErrDegraded, "ERROR", "cannot save its state", 3},
		{registry.ErrUnreachable, "WARN", "does not answer", 1},
		{errors.New("something else"), "WARN", "does not answer", 1},
	} {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var trouble registryTrouble
		trouble.over(log)
		now := time.Now()
		for range 150 {
			trouble.tell(log, fmt.Errorf("a heartbeat: %w", test.err), "dsm get", now)
			now = now.Add(time.Second)
		}
		trouble.over(log)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != test.times+1 || !strings.Contains(lines[test.times], "the registry is back") {
			t.Fatalf("%v: %d lines, want %d and the end:\n%s", test.err, len(lines), test.times, out.String())
		}
		for _, line := range lines[:test.times] {
			if !strings.Contains(line, "level="+test.level) || !strings.Contains(line, test.text) {
				t.Errorf("%v: want %s with %q: %s", test.err, test.level, test.text, line)
			}
		}
	}
}

// A registry that lost its data directory is another group's to the members.
func TestRegistryOfAnotherGroup(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	var out lockedBuffer
	g.start("n1", func(cfg *Config) { cfg.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
	addr := g.registry.Addr()
	if err := g.registry.Close(); err != nil {
		t.Fatal(err)
	}
	g.startRegistry(RegistryConfig{Listen: addr})
	eventually(t, "the node says so", func() bool { return strings.Contains(out.String(), "the registry does not have this group's record") })
	g.kill("n1")
}

type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
