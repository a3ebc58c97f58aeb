package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// A watch ends with its context or with the registry, and the keeper has none left then.
func TestWatchEnds(t *testing.T) {
	f := start(t, "", Settings{})
	a, b := f.node(t, "a"), f.node(t, "b")
	sent := make(chan struct{}, 8)
	watch := func(ctx context.Context, n *node) chan error {
		ended := make(chan error, 1)
		go func() {
			ended <- f.watch(ctx, n.from, func(*registrypb.Directive) error { sent <- struct{}{}; return nil })
		}()
		<-sent
		return ended
	}
	watching := func(n *node) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.keeper.Watching(n.from.Incarnation) != nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	first, second := watch(ctx, a), watch(t.Context(), b)
	if !watching(a) || !watching(b) {
		t.Error("nobody watches")
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) || watching(a) || !watching(b) {
		t.Errorf("the first watch ended with %v; watches: %v, %v", err, watching(a), watching(b))
	}
	f.stop(t)
	if err := <-second; !errors.Is(err, ErrClosed) || watching(b) {
		t.Errorf("the watch of a registry that is closed ended with %v", err)
	}
	if err := f.watch(t.Context(), a.from, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a watch of a registry that was closed: %v", err)
	}
}

// A status says whether the registry's state survives its process.
func TestDurable(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		f := start(t, dir, Settings{})
		status, err := f.client.Status(t.Context())
		if err != nil || status.GetDurable() != (dir != "") {
			t.Errorf("with the directory %q: durable %v, %v", dir, status.GetDurable(), err)
		}
	}
}

// intervalClock notes the interval of its ticker.
type intervalClock struct {
	*fakeClock
	interval chan time.Duration
}

func (c intervalClock) Ticker(d time.Duration) (<-chan time.Time, func()) {
	c.interval <- d
	return c.fakeClock.Ticker(d)
}

// The registry looks at the time four times per heartbeat interval.
func TestTickInterval(t *testing.T) {
	clock := intervalClock{newFakeClock(), make(chan time.Duration, 1)}
	r, err := Start(t.Context(), Config{Settings: Settings{Heartbeat: 400 * time.Millisecond}, Clock: clock, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if d := <-clock.interval; d != 100*time.Millisecond {
		t.Errorf("an interval of %v", d)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// A registry that cannot save that it was started does not keep its port.
func TestStartThatIsNotSaved(t *testing.T) {
	full := errors.New("no space left")
	r := &Registry{log: slog.New(slog.DiscardHandler), clock: newFakeClock(), store: &failingStore{store: memoryStore{}, fail: full}}
	err := r.begin(t.Context(), Config{Listen: "127.0.0.1:0"}, membership.NewState(7, 0, DefaultSettings()), false)
	if !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	if err := r.listener.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("it listens on: %v", err)
	}
}

// What a log line is about stands in it, and how bad it is.
func TestLoggedEvents(t *testing.T) {
	node := membership.Member{ID: "a", Incarnation: 3, PeerAddr: "a:1"}
	view := membership.View{ID: 5, Prev: 4, Members: []membership.Member{node}}
	for _, tc := range []struct {
		e    membership.Event
		want string
	}{
		{membership.Event{Kind: membership.EventRegister, Node: node}, "INFO node=a#3 peer_addr=a:1"},
		{membership.Event{Kind: membership.EventAttempt, View: view, Leader: node, Reason: "b#4 joins"}, `INFO view=5 prev=4 members=[a#3] leader=a#3 reason="b#4 joins"`},
		{membership.Event{Kind: membership.EventAttemptFailed, View: view}, "WARN view=5 prev=4 members=[a#3]"},
		{membership.Event{Kind: membership.EventCommit, View: view}, "INFO view=5 prev=4 members=[a#3]"},
		{membership.Event{Kind: membership.EventDepart, Node: node}, "INFO node=a#3 peer_addr=a:1"},
		{membership.Event{Kind: membership.EventLeave, Node: node}, "INFO node=a#3 peer_addr=a:1"},
		{membership.Event{Kind: membership.EventLeaveRefused, Node: node}, "WARN node=a#3 peer_addr=a:1"},
		{membership.Event{Kind: membership.EventProvedDead, Node: node}, "WARN node=a#3 peer_addr=a:1"},
		{membership.Event{Kind: membership.EventBaseIgnored}, "WARN"},
		{membership.Event{Kind: membership.EventNoGeneration, View: view}, "ERROR view=5 prev=4 members=[a#3]"},
		{membership.Event{Kind: membership.EventNewGeneration, View: view, Generation: 2, Base: 9}, "ERROR view=5 prev=4 members=[a#3] generation=2 positions_above=9"},
	} {
		var out bytes.Buffer
		told{slog.New(slog.NewTextHandler(&out, nil))}.Event(&tc.e)
		level, attrs, _ := strings.Cut(tc.want, " ")
		want := strings.TrimSpace(fmt.Sprintf("level=%s msg=%q %s", level, tc.e.Kind, attrs))
		if _, line, _ := strings.Cut(strings.TrimSpace(out.String()), " "); line != want {
			t.Errorf("got  %s\nwant %s", line, want)
		}
	}
}
