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

	"github.com/seed-8247e700/dsm/registry/membership"
)

// watching collects what a watch delivers.
func (n *node) watching(t *testing.T) (<-chan *membership.Directive, <-chan error) {
	t.Helper()
	out := make(chan *membership.Directive, 64)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	client := dial(t, n.f.Addr())
	t.Cleanup(func() { cancel(); <-stopped; client.Close() })
	go func() {
		defer close(stopped)
		ended <- client.Watch(ctx, n.from, func(d *membership.Directive) { out <- d })
	}()
	return out, ended
}

func excluded(d *membership.Directive) bool { return d.Excluded }

// until receives directives up to the first that fits.
func until(t *testing.T, in <-chan *membership.Directive, fits func(*membership.Directive) bool) *membership.Directive {
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
	until(t, directives, func(d *membership.Directive) bool { return len(d.Views) == 1 })
	b := f.node(t, "b")
	until(t, directives, func(d *membership.Directive) bool { return len(d.Joining) == 1 })
	b.heartbeat(t)
	d := until(t, directives, func(d *membership.Directive) bool { return d.Attempt != nil })
	if d.Attempt.Leader != a.from.Incarnation {
		t.Errorf("attempt: %v", d)
	}
	fromB, ended := b.watching(t)
	a.heartbeat(t)
	a.heartbeat(t)
	until(t, fromB, func(d *membership.Directive) bool {
		return len(d.Views) == 1 && len(d.Views[0].Members) == 2
	})
	b.heartbeat(t)

	// A leaver is told when it is done, and its watch ends.
	leaver := b.from
	leaver.Generation = 0 // any
	if err := f.client.Leave(t.Context(), leaver, false, "left"); err != nil {
		t.Fatal(err)
	}
	a.heartbeat(t)
	a.heartbeat(t)
	if d := until(t, fromB, excluded); d.Reason != "left" {
		t.Errorf("the leaver was told %q", d.Reason)
	}
	if err := <-ended; err != nil {
		t.Errorf("the leaver's watch ended with %v", err)
	}
	if err := f.client.Leave(t.Context(), leaver, false, "left"); err != nil {
		t.Errorf("leave, repeated: %v", err)
	}
	err := f.client.Leave(t.Context(), membership.From{ID: "a", Incarnation: a.from.Incarnation}, false, "")
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
	first := until(t, directives, func(*membership.Directive) bool { return true })
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
	d := until(t, directives, func(*membership.Directive) bool { return true })
	if d.Revision <= first.Revision || d.Excluded {
		t.Errorf("after the restart: %v, before: %v", d, first)
	}
}

func TestExclusionByTime(t *testing.T) {
	f := start(t, "", Settings{})
	a := f.node(t, "a")
	b := f.join(t, a, "b")
	directives, ended := b.watching(t)
	for range 30 {
		a.report.Peers[0].Silent += 100 * time.Millisecond
		a.heartbeat(t)
		f.clock.advance(t, 100*time.Millisecond)
		if len(a.report.Peers) == 0 {
			break
		}
	}
	if d := until(t, directives, excluded); !strings.Contains(d.Reason, "heard from it for 2s") {
		t.Errorf("the silent node was told %q", d.Reason)
	}
	if err := <-ended; err != nil {
		t.Errorf("its watch ended with %v", err)
	}
}

func TestRefusals(t *testing.T) {
	f := start(t, "", Settings{})
	a := f.node(t, "a")
	_, _, err := f.client.Register(t.Context(), membership.Registration{ID: "a", PeerAddr: "a:1", ClientAddr: "a:1"})
	if !errors.Is(err, ErrIDInUse) || !strings.Contains(err.Error(), "a#1 at a:1 was last heard") {
		t.Errorf("id in use: %v", err)
	}
	other := membership.From{ID: "a", Incarnation: a.from.Incarnation, Group: 7, Generation: 1}
	if _, err := f.client.Heartbeat(t.Context(), other, new(membership.Report)); !errors.Is(err, ErrOtherGroup) {
		t.Errorf("other group: %v", err)
	}
	if err := f.client.Watch(t.Context(), other, nil); !errors.Is(err, ErrOtherGroup) {
		t.Errorf("watch of another group: %v", err)
	}
	if err := f.client.Leave(t.Context(), membership.From{ID: "z", Incarnation: 99}, false, ""); !errors.Is(err, ErrUnknownNode) {
		t.Errorf("unknown node leaves: %v", err)
	}
	if _, err := f.client.NewGeneration(t.Context(), false); !errors.Is(err, ErrNeedsForce) {
		t.Errorf("new generation without force: %v", err)
	}
	if generation, err := f.client.NewGeneration(t.Context(), true); err != nil || generation != 2 {
		t.Errorf("new generation: %d %v", generation, err)
	}
	if _, err := f.client.Heartbeat(t.Context(), a.from, &a.report); !errors.Is(err, ErrOtherGeneration) {
		t.Errorf("heartbeat of the old generation: %v", err)
	}
	unknown := membership.From{ID: "z", Incarnation: 99, Group: a.from.Group, Generation: 1}
	if err := f.client.Watch(t.Context(), unknown, nil); !errors.Is(err, ErrOtherGeneration) {
		t.Errorf("watch of the old generation: %v", err)
	}
}

// A registry whose record is an old copy refuses nodes that know more of the group,
// instead of calling their generation given up, or them excluded.
func TestOldCopyRefuses(t *testing.T) {
	f := start(t, "", Settings{})
	a := f.node(t, "a")
	group := a.from.Group
	for name, beat := range map[string]struct {
		from membership.From
		view uint64
	}{
		"a later generation": {membership.From{ID: "a", Incarnation: 99, Group: group, Generation: 9}, 0},
		"a later view":       {membership.From{ID: "a", Incarnation: a.from.Incarnation, Group: group, Generation: 1}, 8},
		"a later member":     {membership.From{ID: "z", Incarnation: 99, Group: group, Generation: 1}, 8},
	} {
		if _, err := f.client.Heartbeat(t.Context(), beat.from, &membership.Report{View: beat.view}); !errors.Is(err, ErrOtherGroup) || !strings.Contains(err.Error(), "old copy") {
			t.Errorf("%s: %v", name, err)
		}
	}
	later := membership.From{ID: "a", Incarnation: 99, Group: group, Generation: 9}
	if err := f.client.Watch(t.Context(), later, nil); !errors.Is(err, ErrOtherGroup) {
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
	newcomer := membership.Registration{ID: "a", PeerAddr: "a:1", ClientAddr: "a:1"}
	if _, _, err := dial(t, addr).Register(ctx, newcomer); !errors.Is(err, ErrUnreachable) {
		t.Errorf("register where nobody listens: %v", err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	if _, err := dial(t, other.Listener.Addr().String()).Status(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "not a registry of this kind") {
		t.Errorf("another server listens: %v", err)
	}
}
