package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// scriptedRegistry answers as a test says.
type scriptedRegistry struct {
	register  func(context.Context, membership.Registration) (incarnation uint64, d *membership.Directive, err error)
	heartbeat func(context.Context, membership.From, *membership.Report) (*membership.Directive, error)
	watch     func(context.Context, membership.From, func(*membership.Directive)) error
	leave     func(ctx context.Context, from membership.From, force bool, reason string) error
	stopped   func(ctx context.Context, from membership.From, force bool) error
	closed    bool
}

func (s *scriptedRegistry) Close() { s.closed = true }

func (s *scriptedRegistry) Register(ctx context.Context, req membership.Registration) (incarnation uint64, d *membership.Directive, err error) {
	return s.register(ctx, req)
}

func (s *scriptedRegistry) Heartbeat(ctx context.Context, from membership.From, report *membership.Report) (*membership.Directive, error) {
	return s.heartbeat(ctx, from, report)
}

func (s *scriptedRegistry) Watch(ctx context.Context, from membership.From, push func(*membership.Directive)) error {
	return s.watch(ctx, from, push)
}

func (s *scriptedRegistry) Leave(ctx context.Context, from membership.From, force bool, reason string) error {
	return s.leave(ctx, from, force, reason)
}

func (s *scriptedRegistry) Stopped(ctx context.Context, from membership.From, force bool) error {
	return s.stopped(ctx, from, force)
}

// directiveOf is one that a lone replica obeys, and by which a test sees that it came.
func directiveOf(detection time.Duration) *membership.Directive {
	return &membership.Directive{Settings: membership.Settings{Detection: detection, Heartbeat: time.Hour}}
}

// Heartbeats go to the registry as the member made them, and the answers to the member.
// What the registry has to say of its own trouble is logged, and kept for Start's error.
func TestHeartbeatsAndTheirAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		type answer struct {
			d   *membership.Directive
			err error
		}
		answers := make(chan answer)
		from := membership.From{ID: "n1", Incarnation: 1, Group: 2, Generation: 3}
		var before context.Context
		client := &scriptedRegistry{heartbeat: func(ctx context.Context, f membership.From, report *membership.Report) (*membership.Directive, error) {
			if f != from || report.Position != 7 {
				t.Errorf("%+v sends %+v", f, report)
			}
			if before != nil && before.Err() == nil {
				t.Error("the context of the heartbeat before has not ended")
			}
			before = ctx
			select {
			case a := <-answers:
				return a.d, a.err
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		ctx, cancel := context.WithCancel(h.ctx)
		h.background.Go(func() { h.sendHeartbeats(ctx, client) })
		beat := func(d *membership.Directive, err error) {
			h.host.Beat(&member.Beat{From: from, Report: membership.Report{Figures: membership.Figures{Position: 7}}})
			answers <- answer{d, err}
			synctest.Wait()
		}
		beat(directiveOf(2*time.Minute), nil)
		if h.detection() != 2*time.Minute || strings.Contains(h.lines(), "registry") || h.why.waitsFor.Load() != nil {
			t.Errorf("the answer is lost: detection in %v, %s", h.detection(), h.lines())
		}
		for range 2 {
			beat(nil, registry.ErrUnreachable)
		}
		if n := h.count(slog.LevelWarn, "the registry does not answer"); n != 1 {
			t.Errorf("it warns %d times that the registry does not answer", n)
		}
		if why := h.why.waitsFor.Load(); why == nil || *why != "waiting for its registry: "+registry.ErrUnreachable.Error() {
			t.Errorf("it waits for %v", why)
		}
		beat(directiveOf(3*time.Minute), nil)
		beat(directiveOf(3*time.Minute), nil)
		if n := h.count(slog.LevelInfo, "the registry is back"); n != 1 || h.detection() != 3*time.Minute {
			t.Errorf("it logs %d times that the registry is back, detection in %v", n, h.detection())
		}

		// The end of the replica while an answer is awaited is no trouble of the registry's.
		logged := h.lines()
		h.host.Beat(&member.Beat{From: from, Report: membership.Report{Figures: membership.Figures{Position: 7}}})
		synctest.Wait()
		cancel()
		synctest.Wait()
		if h.lines() != logged {
			t.Errorf("at the end it logs %s", strings.TrimPrefix(h.lines(), logged))
		}
	})
}

// A registry that answers for another generation ends the incarnation, and says nothing
// that would be worth a warning.
func TestHeartbeatToAnotherGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		client := &scriptedRegistry{heartbeat: func(context.Context, membership.From, *membership.Report) (*membership.Directive, error) {
			return nil, registry.ErrOtherGeneration
		}}
		h.background.Go(func() { h.sendHeartbeats(h.ctx, client) })
		h.host.Beat(&member.Beat{})
		<-h.ended
		synctest.Wait()
		if !errors.Is(h.reason, member.ErrGeneration) || h.lines() != "" {
			t.Errorf("it ends with %v: %s", h.reason, h.lines())
		}
	})
}

// A registry that pushes no directives is asked again, less and less often until it does,
// and that is logged once each time that it begins.
func TestWatchAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		h.group, h.generation = 2, 3
		refused := errors.New("no pushes")
		var asked []time.Duration
		last := time.Now()
		ended := false
		client := &scriptedRegistry{watch: func(ctx context.Context, from membership.From, push func(*membership.Directive)) error {
			if want := (membership.From{ID: "n1", Incarnation: 1, Group: 2, Generation: 3}); from != want {
				t.Errorf("%+v watches", from)
			}
			asked = append(asked, time.Since(last))
			last = time.Now()
			switch len(asked) {
			case 8:
				push(directiveOf(2 * time.Minute))
			case 10:
				<-ctx.Done()
				return ctx.Err()
			}
			return refused
		}}
		ctx, cancel := context.WithCancel(h.ctx)
		h.background.Go(func() { h.watch(ctx, client); ended = true })
		time.Sleep(time.Minute) //nolint:forbidigo // in a bubble
		synctest.Wait()
		want := []time.Duration{0, 50, 100, 200, 400, 800, 1000, 1000, 50, 100}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(asked, want) {
			t.Errorf("it asks after %v", asked)
		}
		if n := h.count(slog.LevelWarn, "pushes no directives"); n != 2 || h.detection() != 2*time.Minute {
			t.Errorf("it warns %d times, detection in %v", n, h.detection())
		}
		cancel()
		synctest.Wait()
		if n := h.count(slog.LevelWarn, "pushes no directives"); n != 2 || !ended {
			t.Errorf("at its end it warns %d times, ended %v", n, ended)
		}
	})
}

// What a registry that ends the stream of directives in good order has to say is over.
func TestWatchEnds(t *testing.T) {
	h := newLone(t, Config{})
	h.watch(h.ctx, &scriptedRegistry{watch: func(context.Context, membership.From, func(*membership.Directive)) error { return nil }})
	if h.lines() != "" {
		t.Errorf("it logs %s", h.lines())
	}
}
