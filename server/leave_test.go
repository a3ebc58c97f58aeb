package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// leaveScript is a registry client whose next answers to Leave are a test's.
type leaveScript struct {
	registryClient

	mu      sync.Mutex // guards what follows
	answers []error
	asked   int
}

// before has the script stand before a node's registry.
func (s *leaveScript) before(c *Config) {
	c.before = func(client registryClient) registryClient {
		s.registryClient = client
		return s
	}
}

func (s *leaveScript) Leave(ctx context.Context, from membership.From, force bool, reason string) error {
	s.mu.Lock()
	s.asked++
	if len(s.answers) == 0 {
		s.mu.Unlock()
		return s.registryClient.Leave(ctx, from, force, reason)
	}
	defer s.mu.Unlock()
	err := s.answers[0]
	s.answers = s.answers[1:]
	return err
}

// script sets the next answers, and begins to count questions.
func (s *leaveScript) script(answers ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers, s.asked = answers, 0
}

func (s *leaveScript) state() (left []error, asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers, s.asked
}

// A leave that meets what may pass is tried again, until the registry lets the node
// go.
func TestLeaveTriesAgain(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	var s leaveScript
	g.start("n1", nil)
	g.start("n2", s.before)
	n := g.remove("n2")
	s.script(registry.ErrUnreachable, context.DeadlineExceeded, registry.ErrDegraded, registry.ErrUnknownNode, nil, errors.New("reset"))
	if err := n.Leave(context.WithoutCancel(t.Context()), false); err != nil {
		t.Fatal(err)
	}
	if left, _ := s.state(); len(left) > 0 {
		t.Errorf("it has left before %v", left)
	}
	<-n.Done()
}

// A refusal that stands ends a leave at once, and so does the end of its time, with
// what kept it until then.
func TestLeaveEnds(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	var s leaveScript
	g.start("n1", nil)
	g.start("n2", s.before)
	n := g.nodes["n2"]
	for _, final := range []error{registry.ErrLastMember, registry.ErrMinMembers, registry.ErrOtherGroup, registry.ErrInvalid} {
		s.script(registry.ErrUnreachable, final)
		err := n.Leave(context.WithoutCancel(t.Context()), false)
		if _, asked := s.state(); !errors.Is(err, final) || asked != 2 {
			t.Errorf("%v ends a leave with %v, after %d questions", final, err, asked)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.script(slices.Repeat([]error{registry.ErrDegraded}, 1000)...)
	left := make(chan error, 1)
	go func() { left <- n.Leave(ctx, false) }()
	eventually(t, "it was refused", func() bool {
		_, asked := s.state()
		return asked > 1 // so that the first answer was taken
	})
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) || !errors.Is(err, registry.ErrDegraded) {
		t.Errorf("the end of its time: %v", err)
	}
	if n.current.Load().reader.Leaving() {
		t.Error("it is still leaving")
	}
	s.script()
}

// The registry is away when a node is told to leave, and comes back: the node leaves,
// and is not missed as one that has failed.
func TestLeaveWhileRegistryAway(t *testing.T) {
	for name, leave := range map[string]func(*Node) error{
		"Leave": func(n *Node) error { return n.Leave(context.WithoutCancel(t.Context()), false) },
		"Close": (*Node).Close,
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, registry.Settings{})
			g.stopRegistry()
			cfg := RegistryConfig{DataDir: t.TempDir(), Settings: registry.Settings{Detection: time.Hour, Heartbeat: 50 * time.Millisecond}}
			g.startRegistry(cfg)
			cfg.Listen = g.registry.Addr()
			g.startAll(2)
			var out lockedBuffer
			g.start("n3", func(c *Config) {
				c.Logger, c.LeaveTimeout = slog.New(slog.NewTextHandler(&out, nil)), patience
			})
			g.stopRegistry()
			left := make(chan error, 1)
			n := g.remove("n3")
			go func() { left <- leave(n) }()
			eventually(t, "the registry was asked in vain", func() bool { return strings.Contains(out.String(), "retrying") })
			g.startRegistry(cfg)
			if err := <-left; err != nil {
				t.Error(err)
			}
			<-n.Done()
			g.members("n1", "n1", "n2")
		})
	}
}

// A node that is not started in time frees its id, so that it can be started again at
// once.
func TestStartThatGivesUpFreesItsID(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.start("n1", nil)
	release := g.hold("n1") // nobody can join
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		var out lockedBuffer
		failed := make(chan error, 1)
		go func() {
			_, err := Start(ctx, Config{ID: "n2", Registry: g.registry.Addr(), Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			failed <- err
		}()
		eventually(t, "it has registered", func() bool { return strings.Contains(out.String(), "incarnation=") || len(failed) > 0 })
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Fatalf("Start: %v", err)
		}
	}
	release()
}
