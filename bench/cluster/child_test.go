package cluster

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/server"
)

// TestChildRefuses says that the command is not for people.
func TestChildRefuses(t *testing.T) {
	var out strings.Builder
	if err := Child([]string{"node"}, strings.NewReader(""), &out, &out); !errors.Is(err, program.ErrConfig) || out.Len() > 0 {
		t.Errorf("error %v, output %q", err, out.String())
	}
}

// scriptedService is a registry whose ends a test makes.
type scriptedService struct {
	done   chan struct{}
	closed bool
}

func (s *scriptedService) Addr() string          { return "" }
func (s *scriptedService) Done() <-chan struct{} { return s.done }
func (s *scriptedService) Err() error            { return server.ErrClosed }
func (s *scriptedService) Close() error          { s.closed = true; return nil }

// scriptedNode is a node whose leave ends when the test says how.
type scriptedNode struct {
	scriptedService
	left chan error // nil: the node has left, and has ended
}

func (n *scriptedNode) Leave(ctx context.Context, force bool) error {
	if !force {
		return errors.New("the last member would stay")
	}
	select {
	case err := <-n.left:
		if err == nil {
			close(n.done)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errStays = errors.New("it stays")

// A node that leaves goes on to obey. It ends once it has left, when it cannot leave, and
// when its stdin does, since the parent may have died.
func TestChildLeaves(t *testing.T) {
	for name, test := range map[string]struct {
		end    func(stdin *io.PipeWriter, n *scriptedNode) error
		want   error
		closes bool
	}{
		"left":          {func(_ *io.PipeWriter, n *scriptedNode) error { n.left <- nil; return nil }, nil, false},
		"cannot leave":  {func(_ *io.PipeWriter, n *scriptedNode) error { n.left <- errStays; return nil }, errStays, true},
		"stdin ends":    {func(stdin *io.PipeWriter, _ *scriptedNode) error { return stdin.Close() }, nil, true},
		"stdin is lost": {func(stdin *io.PipeWriter, _ *scriptedNode) error { return stdin.CloseWithError(errStays) }, errStays, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &scriptedNode{scriptedService{done: make(chan struct{})}, make(chan error)}
				stdin, commands := io.Pipe()
				answers, stdout := io.Pipe()
				ended := make(chan error, 1)
				go func() { ended <- attend(stdin, stdout, newLogSwitch(io.Discard), n) }()
				if _, err := commands.Write([]byte{commandLeave, commandCollect}); err != nil {
					t.Fatal(err)
				}
				if line, err := bufio.NewReader(answers).ReadString('\n'); err != nil || line != collectedLine {
					t.Errorf("a node that leaves answers %q, %v", line, err)
				}
				if err := test.end(commands, n); err != nil {
					t.Fatal(err)
				}
				if err := <-ended; !errors.Is(err, test.want) || n.closed != test.closes {
					t.Errorf("it ends with %v, want %v; closed: %v", err, test.want, n.closed)
				}
				if err := errors.Join(commands.Close(), stdin.Close()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// Only a node can leave.
func TestRegistryLeaves(t *testing.T) {
	s := &scriptedService{done: make(chan struct{})}
	err := attend(strings.NewReader(string(rune(commandLeave))), io.Discard, newLogSwitch(io.Discard), s)
	if !errors.Is(err, program.ErrConfig) || !s.closed {
		t.Errorf("%v, closed: %v", err, s.closed)
	}
}
