package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry"
)

// noticing is a logger that calls fn when a line begins with text.
func noticing(t *testing.T, text string, fn func(line string)) *slog.Logger {
	return slog.New(&noticer{Handler: testLogger(t).Handler(), text: text, fn: fn})
}

type noticer struct {
	slog.Handler
	text string
	fn   func(line string)
}

func (n *noticer) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, n.text) {
		line := r.Message
		r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
		n.fn(line)
	}
	return n.Handler.Handle(ctx, r)
}

func (n *noticer) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &noticer{Handler: n.Handler.WithAttrs(attrs), text: n.text, fn: n.fn}
}

const waitsForID = "waiting: the registry has heard a node with this id"

// TestKilledAndStartedWithoutProof has a node be killed and started again within the
// detection time, in ways that prove nothing: it waits, says since when its
// predecessor is silent, and becomes a member once that is excluded.
func TestKilledAndStartedWithoutProof(t *testing.T) {
	for name, dirs := range map[string]func(t *testing.T, g *group) (before, after string){
		"an empty directory": func(t *testing.T, _ *group) (before, after string) { return t.TempDir(), t.TempDir() },
		"no directory":       func(*testing.T, *group) (before, after string) { return "", "" },
		"the directory of an earlier run": func(t *testing.T, g *group) (before, after string) {
			before, after = t.TempDir(), t.TempDir()
			g.start("n2", in(after))
			g.close("n2")
			return before, after
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, fast())
			g.start("n1", nil)
			before, after := dirs(t, g)
			g.start("n2", in(before))
			c := g.client("n1")
			c.set("k", "v")
			old := g.nodes["n2"].current.Load().self.Incarnation
			addr := g.nodes["n2"].Addr()
			g.kill("n2")
			said := make(chan string, 10)
			n := g.start("n2", func(c *Config) {
				c.DataDir = after
				c.Logger = noticing(t, waitsForID, func(line string) { said <- line })
			})
			if self := n.current.Load().self.Incarnation; self <= old {
				t.Errorf("incarnation %d after %d", self, old)
			}
			if got := c.get(g.connect("n2"), "k"); got != "v" {
				t.Errorf("it has %q", got)
			}
			select {
			case line := <-said:
				if !strings.Contains(line, "heard_ago=") || !strings.Contains(line, "holder_addr="+addr) {
					t.Errorf("it says %q", line)
				}
			default:
				t.Log("the machine is slow: the predecessor was silent for the detection time before the registry was asked")
			}
		})
	}
}

// slowly are settings under which nothing fails within a test, and heartbeats come
// often.
func slowly() registry.Settings {
	return registry.Settings{Detection: time.Hour, Heartbeat: 20 * time.Millisecond}
}

// TestIDOfOneThatLives has a second node of an id end with the error that names the
// first: as soon as that has been heard again, long before the detection time.
func TestIDOfOneThatLives(t *testing.T) {
	g := newGroup(t, slowly())
	g.start("n1", in(t.TempDir()))
	for name, dir := range map[string]string{"without a directory": "", "with a directory of its own": t.TempDir()} {
		_, err := g.tryStart("n1", in(dir))
		if !errors.Is(err, registry.ErrIDInUse) || !strings.Contains(err.Error(), g.nodes["n1"].Addr()+" was last heard ") ||
			!strings.Contains(err.Error(), " ago") {
			t.Errorf("%s: %v", name, err)
		}
	}
	g.client("n1").set("k", "v") // and the first is well
}

// TestPredecessorReturns has a node be silent while another one with its id starts,
// and come back: the other one ends.
func TestPredecessorReturns(t *testing.T) {
	g := newGroup(t, slowly())
	g.startAll(2)
	release := g.hold("n2")
	_, err := g.tryStart("n2", func(c *Config) {
		c.Logger = noticing(t, waitsForID, func(string) { release() })
	})
	if !errors.Is(err, registry.ErrIDInUse) || !strings.Contains(err.Error(), g.nodes["n2"].Addr()) {
		t.Errorf("a second node of the id: %v", err)
	}
	g.client("n2").set("k", "v")
}

// TestStartEndsBeforeTheIDIsFree has less time to start than the detection time: the
// error says what the node waited for.
func TestStartEndsBeforeTheIDIsFree(t *testing.T) {
	g := newGroup(t, slowly())
	g.startAll(2)
	g.kill("n2")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Start(ctx, Config{
		ID: "n2", Registry: g.registry.Addr(),
		Logger: noticing(t, waitsForID, func(string) { cancel() }),
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "did not become a member in time (id in use: n2#2 at ") ||
		!strings.Contains(err.Error(), "was last heard ") {
		t.Errorf("start: %v", err)
	}
	g.kill("n1") // which cannot leave, since the dead n2 stays for an hour
}

// How long a node waits for its id, and when it gives up, follows from what the registry
// says of the one that has it.
func TestRefusedID(t *testing.T) {
	held := func(holder string, beats uint64, silent time.Duration) *registry.InUseError {
		return &registry.InUseError{Holder: holder, Addr: "n1:1", Silent: silent, Detection: time.Minute, Beats: beats}
	}
	type step struct {
		refusal *registry.InUseError
		wait    time.Duration
		ends    bool
	}
	for name, steps := range map[string][]step{
		"silent": {
			{held("n1#1", 5, 0), 250 * time.Millisecond, false},
			{held("n1#1", 6, time.Minute-100*time.Millisecond), 100 * time.Millisecond, false}, // sent before it died
			{held("n1#1", 6, 2*time.Minute), 20 * time.Millisecond, false},
		},
		"alive":              {{held("n1#1", 5, 0), 250 * time.Millisecond, false}, {held("n1#1", 7, 0), 0, true}},
		"another holder":     {{held("n1#1", 5, 0), 250 * time.Millisecond, false}, {held("n1#2", 9, 0), 250 * time.Millisecond, false}, {held("n1#2", 10, 0), 250 * time.Millisecond, false}, {held("n1#2", 11, 0), 0, true}},
		"another registry":   {{held("n1#1", 5, 0), 250 * time.Millisecond, false}, {held("n1#1", 0, 0), 250 * time.Millisecond, false}, {held("n1#1", 1, 0), 250 * time.Millisecond, false}, {held("n1#1", 2, 0), 0, true}},
		"an earlier release": {{&registry.InUseError{Holder: "n1#1"}, 0, true}},
	} {
		var p predecessor
		h := newLone(t, Config{})
		n := &Node{log: h.replica.log, identity: &identity{}}
		for i, s := range steps {
			wait, err := p.refused(n, s.refusal)
			if wait != s.wait || (err != nil) != s.ends || err != nil && !errors.Is(err, s.refusal) {
				t.Errorf("%s, refusal %d: it waits for %v, %v, want %v, %v", name, i, wait, err, s.wait, s.ends)
			}
		}
		if told := n.refused.Load() != nil; told != (name != "an earlier release") {
			t.Errorf("%s: it says what it waits for: %v", name, told)
		}
		if logged := h.count(slog.LevelWarn, waitsForID); (logged > 0) != (name != "an earlier release") || logged > 1 {
			t.Errorf("%s: it is logged %d times", name, logged)
		}
	}
	other := errors.New("no id")
	if wait, err := new(predecessor).refused(&Node{}, other); wait != 0 || !errors.Is(err, other) {
		t.Errorf("another refusal: %v, %v", wait, err)
	}
}
