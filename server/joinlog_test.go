package server

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/registry"
)

// logLines keeps what is logged, a JSON object a line.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logLines) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.buf.String()), "\n")
}

// A join that goes well does not look like a fault, and no key comes twice.
func TestLogOfJoin(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	var log logLines
	logged := func(c *Config) {
		c.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	for _, id := range []string{"n1", "n2", "n3"} {
		g.start(id, logged)
	}
	g.close("n1")
	entered, up := false, false
	for _, line := range log.lines() {
		keys := topKeys(t, line)
		entered = entered || strings.Contains(line, `"msg":"entered view"`)
		up = up || keys["peer_incarnation"] == 1 && keys["incarnation"] == 1
		for key, times := range keys {
			if times > 1 {
				t.Errorf("%s comes %d times: %s", key, times, line)
			}
		}
		if strings.Contains(line, `"level":"INFO"`) &&
			(strings.Contains(line, "the transfer from a member ended") || strings.Contains(line, "a joiner's stream ended")) {
			t.Errorf("a normal join says: %s", line)
		}
	}
	if !entered || !up {
		t.Errorf("the log tells of no join:\n%s", strings.Join(log.lines(), "\n"))
	}
}

// topKeys counts the keys of a JSON object.
func topKeys(t *testing.T, line string) map[string]int {
	t.Helper()
	keys := map[string]int{}
	d := json.NewDecoder(strings.NewReader(line))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		keys[key.(string)]++
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}
