package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// A node that others do not reach where it says it is fails to start, and says
// so; it keeps nobody else from joining.
func TestWrongAddress(t *testing.T) {
	const nobody = "127.0.0.1:1" // a port that the kernel gives to nobody who asks for any
	for _, members := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d members", members), func(t *testing.T) {
			g := newGroup(t, registry.Settings{})
			g.startAll(members)
			foreign := answering(t, &wire.HelloReply{Status: wire.StatusUnavailable, Info: wire.Info{NodeID: "lost", Incarnation: 9, Group: 1, Generation: 1}})
			for addr, text := range map[string]string{
				foreign:          "finds lost of group 1, generation 1",
				nobody:           "where it is not reached from n",
				g.pick(0).Addr(): "finds n1#",
			} {
				_, err := g.tryStart("lost", func(cfg *Config) { cfg.Advertise = addr })
				if !errors.Is(err, ErrConfig) {
					t.Fatalf("a node that advertises %s: %v", addr, err)
				}
				for _, want := range []string{"lost advertises " + addr, text, "--advertise"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("a node that advertises %s: %v, want %q in it", addr, err, want)
					}
				}
			}
			g.start("lost", nil)
			g.start("late", nil)
		})
	}
}

// A joiner that does not find the member whose state it is to load says whom it looked
// for, where, and what was there: nobody, another program, itself, or another node.
func TestDonorNotReached(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	donor := g.nodes["n1"].Addr()
	silent := answering(t, nil)
	other := answering(t, &wire.HelloReply{Status: wire.StatusGeneration, Info: wire.Info{NodeID: "x1", Incarnation: 1, Group: 1, Generation: 1}})
	unreachable := errors.New("no route to host")
	for name, test := range map[string]struct {
		to   string // where the donor's address leads the joiner; "": nowhere
		want string
	}{
		"nobody":                {"", unreachable.Error()},
		"another program":       {silent, "the handshake at " + donor},
		"itself":                {"itself", "leads to this node itself: give n1 --advertise"},
		"a node of another one": {other, "x1 of another group"},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if test.to == "itself" {
				test.to = listener.Addr().String()
			}
			var out lockedBuffer
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			failed := make(chan error, 1)
			go func() {
				_, err := Start(ctx, Config{
					ID: "n2", Registry: g.registry.Addr(), Listener: listener, Logger: slog.New(slog.NewTextHandler(&out, nil)),
					Dial: func(ctx context.Context, addr string) (net.Conn, error) {
						if addr == donor {
							addr = test.to
						}
						if addr == "" {
							return nil, unreachable
						}
						return new(net.Dialer).DialContext(ctx, "tcp", addr)
					},
				})
				failed <- err
			}()
			eventually(t, "the joiner says so", func() bool {
				return strings.Contains(out.String(), "level=WARN") && strings.Contains(out.String(), test.want) || len(failed) > 0
			})
			cancel()
			err = <-failed
			for _, want := range []string{test.want, donor + ", which n1#1 advertises"} {
				if err == nil || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), want) {
					t.Errorf("Start: %v, want %q in it", err, want)
				}
			}
		})
	}
}

// A joiner that has loaded the state from one member and does not reach another says
// whom, where, and why.
func TestMemberNotReached(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	member := g.nodes["n1"].Addr() // the junior member is the donor
	unreachable := errors.New("no route to host")
	var out lockedBuffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := Start(ctx, Config{
			ID: "n3", Registry: g.registry.Addr(), Logger: slog.New(slog.NewTextHandler(&out, nil)),
			Dial: func(ctx context.Context, addr string) (net.Conn, error) {
				if addr == member {
					return nil, unreachable
				}
				return new(net.Dialer).DialContext(ctx, "tcp", addr)
			},
		})
		failed <- err
	}()
	eventually(t, "the joiner says so", func() bool {
		return strings.Contains(out.String(), "members cannot be linked with") || len(failed) > 0
	})
	cancel()
	err := <-failed
	want := "no link to n1#1 at " + member + ", which it advertises: no route to host"
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), want) || !strings.Contains(out.String(), want) {
		t.Errorf("Start: %v, want %q in it and in the log\n%s", err, want, out.String())
	}
}

// answering listens until the test ends, answers each handshake with reply, or not at
// all, and hangs up. It returns its address.
func answering(t *testing.T, reply *wire.HelloReply) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			if _, err := wire.ReadHello(conn); err == nil && reply != nil {
				_ = wire.WriteHelloReply(conn, *reply)
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}
