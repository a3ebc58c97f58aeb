package registry

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// watching collects what a watch delivers.
func (n *node) watching(t *testing.T) (<-chan *registrypb.Directive, <-chan error) {
	t.Helper()
	out := make(chan *registrypb.Directive, 64)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	client := dial(t, n.f.Addr())
	t.Cleanup(func() { cancel(); <-stopped; client.Close() })
	req := &registrypb.WatchRequest{Id: n.beat.GetId(), Incarnation: n.beat.GetIncarnation(), Group: n.beat.GetGroup(), Generation: n.beat.GetGeneration()}
	go func() {
		defer close(stopped)
		ended <- client.Watch(ctx, req, func(d *registrypb.Directive) { out <- d })
	}()
	return out, ended
}

// until receives directives up to the first that fits.
func until(t *testing.T, in <-chan *registrypb.Directive, fits func(*registrypb.Directive) bool) *registrypb.Directive {
	t.Helper()
	for {
		select {
		case d := <-in:
			if fits(d) {
				return d
			}
		case <-t.Context().Done():
			t.Fatal("the directive did not come")
		}
	}
}

func TestWatch(t *testing.T) {
	f := start(t, "", Settings{})
	a := f.node(t, "a")
	directives, _ := a.watching(t)
	until(t, directives, func(d *registrypb.Directive) bool { return len(d.GetViews()) == 1 })
	b := f.node(t, "b")
	until(t, directives, func(d *registrypb.Directive) bool { return len(d.GetJoining()) == 1 })
	b.heartbeat(t)
	d := until(t, directives, func(d *registrypb.Directive) bool { return d.GetAttempt() != nil })
	if d.GetAttempt().GetLeader() != a.beat.GetIncarnation() {
		t.Errorf("attempt: %v", d)
	}
	fromB, ended := b.watching(t)
	a.heartbeat(t)
	a.heartbeat(t)
	until(t, fromB, func(d *registrypb.Directive) bool {
		return len(d.GetViews()) == 1 && len(d.GetViews()[0].GetMembers()) == 2
	})
	b.heartbeat(t)

	// A leaver is told when it is done, and its watch ends.
	leave := &registrypb.LeaveRequest{Id: "b", Incarnation: b.beat.GetIncarnation(), Group: b.beat.GetGroup()}
	if err := f.client.Leave(t.Context(), leave); err != nil {
		t.Fatal(err)
	}
	a.heartbeat(t)
	a.heartbeat(t)
	if d := until(t, fromB, (*registrypb.Directive).GetExcluded); d.GetReason() != "left" {
		t.Errorf("the leaver was told %q", d.GetReason())
	}
	if err := <-ended; err != nil {
		t.Errorf("the leaver's watch ended with %v", err)
	}
	if err := f.client.Leave(t.Context(), leave); err != nil {
		t.Errorf("leave, repeated: %v", err)
	}
	err := f.client.Leave(t.Context(), &registrypb.LeaveRequest{Id: "a", Incarnation: a.beat.GetIncarnation()})
	if !errors.Is(err, ErrLastMember) || !strings.Contains(err.Error(), "by force") {
		t.Errorf("the last member leaves: %v", err)
	}
}

// TestWatchOverRestart holds that a watch comes back by itself.
func TestWatchOverRestart(t *testing.T) {
	dir := t.TempDir()
	f := start(t, dir, Settings{})
	a := f.node(t, "a")
	directives, _ := a.watching(t)
	first := until(t, directives, func(*registrypb.Directive) bool { return true })
	addr := f.Addr()
	f.stop(t)
	second, err := Start(t.Context(), Config{DataDir: dir, Listen: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}()
	d := until(t, directives, func(*registrypb.Directive) bool { return true })
	if d.GetRevision() <= first.GetRevision() || d.GetExcluded() {
		t.Errorf("after the restart: %v, before: %v", d, first)
	}
}

func TestExclusionByTime(t *testing.T) {
	f := start(t, "", Settings{})
	a := f.node(t, "a")
	b := f.join(t, a, "b")
	directives, ended := b.watching(t)
	for range 30 {
		a.beat.Peers[0].SilentMs += 100
		a.heartbeat(t)
		f.clock.advance(t, 100*time.Millisecond)
		if len(a.beat.GetPeers()) == 0 {
			break
		}
	}
	if d := until(t, directives, (*registrypb.Directive).GetExcluded); !strings.Contains(d.GetReason(), "heard it for 2s") {
		t.Errorf("the silent node was told %q", d.GetReason())
	}
	if err := <-ended; err != nil {
		t.Errorf("its watch ended with %v", err)
	}
}

func TestRefusals(t *testing.T) {
	f := start(t, "", Settings{})
	a := f.node(t, "a")
	_, err := f.client.Register(t.Context(), &registrypb.RegisterRequest{Id: "a", PeerAddr: "a:1", ClientAddr: "a:1"})
	if !errors.Is(err, ErrIDInUse) || !strings.Contains(err.Error(), "a#1 at a:1 was last heard") {
		t.Errorf("id in use: %v", err)
	}
	beat := &registrypb.HeartbeatRequest{Id: "a", Incarnation: a.beat.GetIncarnation(), Group: 7, Generation: 1}
	if _, err := f.client.Heartbeat(t.Context(), beat); !errors.Is(err, ErrOtherGroup) {
		t.Errorf("other group: %v", err)
	}
	watch := &registrypb.WatchRequest{Id: "a", Incarnation: a.beat.GetIncarnation(), Group: 7, Generation: 1}
	if err := f.client.Watch(t.Context(), watch, nil); !errors.Is(err, ErrOtherGroup) {
		t.Errorf("watch of another group: %v", err)
	}
	if err := f.client.Leave(t.Context(), &registrypb.LeaveRequest{Id: "z", Incarnation: 99}); !errors.Is(err, ErrUnknownNode) {
		t.Errorf("unknown node leaves: %v", err)
	}
	if _, err := f.client.NewGeneration(t.Context(), false); !errors.Is(err, ErrNeedsForce) {
		t.Errorf("new generation without force: %v", err)
	}
	if generation, err := f.client.NewGeneration(t.Context(), true); err != nil || generation != 2 {
		t.Errorf("new generation: %d %v", generation, err)
	}
	if _, err := f.client.Heartbeat(t.Context(), a.beat); !errors.Is(err, ErrOtherGeneration) {
		t.Errorf("heartbeat of the old generation: %v", err)
	}
	watch = &registrypb.WatchRequest{Id: "z", Incarnation: 99, Group: a.beat.GetGroup(), Generation: 1}
	if err := f.client.Watch(t.Context(), watch, nil); !errors.Is(err, ErrOtherGeneration) {
		t.Errorf("watch of the old generation: %v", err)
	}
}

// A registry whose record is an old copy refuses nodes that know more of the group,
// instead of calling their generation given up, or them excluded.
func TestOldCopyRefuses(t *testing.T) {
	f := start(t, "", Settings{})
	a := f.node(t, "a")
	group := a.beat.GetGroup()
	for name, beat := range map[string]*registrypb.HeartbeatRequest{
		"a later generation": {Id: "a", Incarnation: 99, Group: group, Generation: 9},
		"a later view":       {Id: "a", Incarnation: a.beat.GetIncarnation(), Group: group, Generation: 1, View: 8},
		"a later member":     {Id: "z", Incarnation: 99, Group: group, Generation: 1, View: 8},
	} {
		if _, err := f.client.Heartbeat(t.Context(), beat); !errors.Is(err, ErrOtherGroup) || !strings.Contains(err.Error(), "old copy") {
			t.Errorf("%s: %v", name, err)
		}
	}
	watch := &registrypb.WatchRequest{Id: "a", Incarnation: 99, Group: group, Generation: 9}
	if err := f.client.Watch(t.Context(), watch, nil); !errors.Is(err, ErrOtherGroup) {
		t.Errorf("watch of a later generation: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	for _, addr := range []string{"", "host", "host:", "host:0", "host:99999", ":6001", "http://host:1"} {
		if _, err := Dial(addr); !errors.Is(err, ErrInvalid) {
			t.Errorf("Dial(%q): %v", addr, err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, addr).Status(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), addr) {
		t.Errorf("nobody listens: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req := &registrypb.RegisterRequest{Id: "a", PeerAddr: "a:1", ClientAddr: "a:1"}
	if _, err := dial(t, addr).Register(ctx, req); !errors.Is(err, ErrUnreachable) || req.GetNonce() != 0 {
		t.Errorf("register where nobody listens: %v, nonce %d", err, req.GetNonce())
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	if _, err := dial(t, other.Listener.Addr().String()).Status(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "no registry of this kind") {
		t.Errorf("another server listens: %v", err)
	}
}
