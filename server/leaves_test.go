package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// asking has a lone replica ask a registry that answers as the test says.
func asking(t *testing.T, h *lone, answer func(context.Context, leaveRequest) error) {
	var before context.Context
	client := &scriptedRegistry{leave: func(ctx context.Context, from membership.From, force bool, reason string) error {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != askTime {
			t.Errorf("a question may take until %v: %v", deadline, ok)
		}
		if before != nil && before.Err() == nil {
			t.Error("the context of the question before has not ended")
		}
		before = ctx
		return answer(ctx, leaveRequest{from, force, reason})
	}}
	h.background.Go(func() { h.asks(h.ctx, client) })
}

// A leave asks again until its time is over, and then says what kept the node: the
// registry's last word in this leave, or what was under way here.
func TestLeaveSaysWhatKeptIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		var verdict error
		silent := false
		asked := 0
		asking(t, h, func(ctx context.Context, req leaveRequest) error {
			if want := (leaveRequest{membership.From{ID: "n1", Incarnation: 1}, true, "left"}); req != want {
				t.Errorf("it asks %+v", req)
			}
			asked++
			if silent {
				<-ctx.Done()
				return ctx.Err()
			}
			return verdict
		})
		leave := func() error {
			asked = 0
			ctx, cancel := context.WithTimeout(t.Context(), 1100*time.Millisecond)
			defer cancel()
			err := h.leave(ctx, true)
			if h.reader.Leaving() {
				t.Error("it is still leaving")
			}
			time.Sleep(time.Second) //nolint:forbidigo // in a bubble
			return err
		}
		if err := leave(); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errNotLetGo) || asked != 6 {
			t.Errorf("after %d questions: %v", asked, err)
		}
		if h.lines() != "" {
			t.Errorf("it logs %s", h.lines())
		}
		verdict = registry.ErrDegraded
		if err := leave(); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, registry.ErrDegraded) || asked != 6 {
			t.Errorf("after %d questions: %v", asked, err)
		}
		if n := h.count(slog.LevelWarn, "has made no view without this node yet"); n != 1 {
			t.Errorf("it warns %d times", n)
		}
		silent = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := h.leave(ctx, true); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, registry.ErrDegraded) {
			t.Errorf("a leave that had no answer: %v", err)
		}
	})
}

// A refusal that stands ends a leave. One that came too late for the leave before is not
// of this one.
func TestLateRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		verdict := registry.ErrInvalid
		asking(t, h, func(context.Context, leaveRequest) error { return verdict })
		h.leaves.refuse(registry.ErrLastMember)
		if err := h.leave(t.Context(), true); !errors.Is(err, registry.ErrInvalid) || errors.Is(err, ErrLastMember) {
			t.Errorf("got %v", err)
		}
		verdict = registry.ErrLastMember
		if err := h.leave(t.Context(), true); !errors.Is(err, ErrLastMember) || !errors.Is(err, registry.ErrLastMember) {
			t.Errorf("got %v", err)
		}
	})
}

// A leave is over once the replica has ended, whatever became of its time.
func TestLeaveOfOneThatHasEnded(t *testing.T) {
	h := newLone(t, Config{})
	h.background.Go(func() {
		<-h.leaves.asked
		h.post(func(m *member.Member) { m.Fail(member.ErrLeft) })
	})
	if err := h.leave(t.Context(), false); err != nil {
		t.Error(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 { // of which half see the end of the time first
		if err := h.leave(over, false); err != nil {
			t.Fatal(err)
		}
	}
}

// The end of the replica while an answer is awaited is no answer.
func TestQuestionAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		client := &scriptedRegistry{leave: func(ctx context.Context, _ membership.From, _ bool, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		h.background.Go(func() { h.asks(ctx, client) })
		h.do(func(m *member.Member) { m.Leave(false) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		if h.leaves.last.Load() != nil || h.lines() != "" {
			t.Errorf("%v, %s", h.leaves.last.Load(), h.lines())
		}
	})
}

// What keeps a damaged replica in the group is logged once a minute, and when it is
// something else.
func TestLeaveTroubleOfTheDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		h.do(func(m *member.Member) { m.Damaged(errors.New("a bit")) })
		<-h.ended
		var trouble leaveTrouble
		said := func(err error, text string, want int) {
			t.Helper()
			trouble.tell(h.replica, err)
			if n := h.count(slog.LevelError, text); n != want {
				t.Errorf("after %v it is logged %d times, want %d: %s", err, n, want, h.lines())
			}
		}
		const still, alone, least = "has made no view without this node yet", "no other member has it", "minimum size"
		said(nil, still, 0)
		said(registry.ErrDegraded, still, 1)
		said(registry.ErrUnreachable, still, 1)
		time.Sleep(troubleInterval - 1) //nolint:forbidigo // in a bubble
		said(registry.ErrDegraded, still, 1)
		time.Sleep(time.Nanosecond) //nolint:forbidigo // in a bubble
		said(registry.ErrDegraded, still, 2)
		said(registry.ErrDegraded, still, 2)
		said(registry.ErrLastMember, alone, 1)
		said(registry.ErrLastMember, alone, 1)
		said(registry.ErrMinMembers, least, 1)
		said(registry.ErrMinMembers, least, 1)
		said(nil, least, 1)
		said(registry.ErrMinMembers, least, 2)
		said(registry.ErrDegraded, still, 3)
		said(nil, still, 3)
		said(registry.ErrDegraded, still, 4)
	})
}

// Each leave warns anew of what keeps the node.
func TestLeaveTroubleAnew(t *testing.T) {
	h := newLone(t, Config{})
	var trouble leaveTrouble
	for want := range 3 {
		h.do(func(m *member.Member) { m.Leave(false) })
		trouble.tell(h.replica, registry.ErrDegraded)
		h.do(func(m *member.Member) { m.Stay() })
		trouble.tell(h.replica, registry.ErrDegraded)
		if n := h.count(slog.LevelWarn, "has made no view without this node yet"); n != want+1 {
			t.Errorf("it warns %d times of %d", n, want+1)
		}
	}
}

// stopping is how long a lone node takes to stop.
const stopping = time.Second

// loneNode is a node without a network: what a test does with its replicas. It is to be
// in a bubble.
func loneNode() (n *Node, cancelled chan struct{}) {
	cancelled = make(chan struct{}, 1)
	n = &Node{
		cfg: Config{LeaveTimeout: time.Minute}, closing: make(chan struct{}), done: make(chan struct{}),
		leaver: make(chan struct{}, 1), newer: make(chan struct{}),
	}
	n.cancel = func() {
		select {
		case cancelled <- struct{}{}:
			go func() {
				time.Sleep(stopping) //nolint:forbidigo // in a bubble
				close(n.done)
			}()
		default:
		}
	}
	return n, cancelled
}

// Only one leave is under way at a time, and whoever waits for it does so within his time.
func TestOneLeaveAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := loneNode()
		h := newLone(t, Config{})
		n.setIncarnation(h.replica)
		asking(t, h, func(context.Context, leaveRequest) error { return nil })
		first := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			first <- n.Leave(ctx, true)
		}()
		synctest.Wait()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := n.Leave(ctx, true); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("the second: %v after %v", err, time.Since(began))
		}
		if !h.reader.Leaving() {
			t.Error("the second has ended the first")
		}
		if err := <-first; !errors.Is(err, errNotLetGo) || time.Since(began) != time.Minute {
			t.Errorf("the first: %v after %v", err, time.Since(began))
		}
		go func() {
			time.Sleep(time.Second) //nolint:forbidigo // in a bubble
			h.post(func(m *member.Member) { m.Fail(member.ErrLeft) })
			<-h.ended
			close(n.done)
		}()
		if err := n.Leave(t.Context(), true); err != nil {
			t.Errorf("the third: %v", err)
		}
	})
}

// A node that is in no view stops when it is to leave: before its first incarnation, and
// between two.
func TestLeaveBetweenIncarnations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		h.post(func(m *member.Member) { m.Fail(member.ErrExcluded) })
		<-h.ended
		for name, r := range map[string]*replica{"before the first": nil, "between two": h.replica} {
			n, cancelled := loneNode()
			n.current.Store(r)
			began := time.Now()
			if err := n.Leave(t.Context(), false); err != nil || len(cancelled) != 1 || time.Since(began) != stopping {
				t.Errorf("%s: %v after %v, it is told to stop %d times", name, err, time.Since(began), len(cancelled))
			}
		}
	})
}

// A node that came back while it was to leave has its new incarnation leave.
func TestLeaveGoesOnWithTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := loneNode()
		before, after := newLone(t, Config{}), newLone(t, Config{})
		n.setIncarnation(before.replica)
		left := make(chan error, 1)
		go func() { left <- n.Leave(t.Context(), true) }()
		synctest.Wait()
		before.post(func(m *member.Member) { m.Fail(member.ErrExcluded) })
		synctest.Wait()
		n.setIncarnation(after.replica)
		synctest.Wait()
		if !after.reader.Leaving() {
			t.Error("the new incarnation stays")
		}
		after.post(func(m *member.Member) { m.Fail(member.ErrLeft) })
		<-after.ended
		close(n.done)
		if err := <-left; err != nil {
			t.Error(err)
		}
	})
}

// Close leaves within LeaveTimeout, and stops the node whatever comes of that. It does so
// once, and each call returns the same.
func TestCloseWithinItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, cancelled := loneNode()
		n.untold = registry.ErrUnreachable
		h := newLone(t, Config{})
		n.setIncarnation(h.replica)
		asking(t, h, func(_ context.Context, req leaveRequest) error {
			if !req.force {
				t.Error("the last member stays")
			}
			return registry.ErrUnreachable
		})
		began := time.Now()
		err := n.Close()
		if !errors.Is(err, registry.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute+stopping {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if !n.forced {
			t.Error("Close does not go by force")
		}
		<-n.closing
		if again := n.Close(); again != err || len(cancelled) != 1 { //nolint:errorlint // the very same
			t.Errorf("the second time: %v", again)
		}
	})
}

// Stop stops the node without a question to the registry, once, and returns what finish left.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, cancelled := loneNode()
		h := newLone(t, Config{})
		n.setIncarnation(h.replica)
		began := time.Now()
		n.untold = registry.ErrUnreachable
		if err := n.Stop(); !errors.Is(err, registry.ErrUnreachable) || !n.tells.Load() || n.forced {
			t.Errorf("the registry is to be told: %v, by force %v: %v", n.tells.Load(), n.forced, err)
		}
		<-n.closing
		if len(cancelled) != 1 || h.reader.Leaving() || time.Since(began) != stopping {
			t.Errorf("after %v, told to stop %d times, leaving %v", time.Since(began), len(cancelled), h.reader.Leaving())
		}
		for name, again := range map[string]func() error{"Stop": n.Stop, "Close": n.Close} {
			if err := again(); !errors.Is(err, registry.ErrUnreachable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
