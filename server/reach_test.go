package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
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
		"another program":       {silent, "handshake with " + donor},
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
			for _, want := range []string{test.want, donor + ", advertised by n1#1"} {
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
		return strings.Contains(out.String(), "no links to some members") || len(failed) > 0
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

// pipes dials by pipes: what is at the other end is done by answer, which then hangs up.
func pipes(dialled *[]*timedConn, answer func(far net.Conn)) func(context.Context, string) (net.Conn, error) {
	return func(context.Context, string) (net.Conn, error) {
		near, far := net.Pipe()
		c := &timedConn{Conn: near}
		*dialled = append(*dialled, c)
		go func() {
			answer(far)
			_ = far.Close()
		}()
		return c, nil
	}
}

// answerAs answers a greeting as a node would that refuses clients.
func answerAs(t *testing.T, info wire.Info) func(net.Conn) {
	return func(far net.Conn) {
		hello, err := wire.ReadHello(far)
		if err != nil || hello.Role != wire.RoleClient || hello.MinVersion != wire.MinVersion || hello.MaxVersion != wire.MaxVersion {
			t.Errorf("a greeting %+v, %v", hello, err)
		}
		if err := wire.WriteHelloReply(far, wire.HelloReply{Status: wire.StatusUnavailable, Info: info}); err != nil {
			t.Error(err)
		}
		_, _ = far.Read(make([]byte, 1)) // until it hangs up
	}
}

func joinerHello(incarnation uint64) *wire.Hello {
	return &wire.Hello{Role: wire.RoleObserve, Extra: binary.AppendUvarint(nil, incarnation)}
}

// A joiner is served if it is what is found at its address, and nothing else is.
func TestProve(t *testing.T) {
	good := wire.Info{NodeID: "n2", Incarnation: 2, Group: 5, Generation: 6}
	for name, tc := range map[string]struct {
		change func(*wire.Info)
		text   string
	}{
		"itself":             {func(*wire.Info) {}, ""},
		"another group":      {func(i *wire.Info) { i.Group = 7 }, "finds n2 of group 7, generation 6"},
		"another generation": {func(i *wire.Info) { i.Generation = 7 }, "finds n2 of group 5, generation 7"},
		"another node":       {func(i *wire.Info) { i.NodeID = "n3" }, "finds n3#2 instead"},
		"an earlier run":     {func(i *wire.Info) { i.Incarnation = 1 }, "finds n2#1 instead"},
		"the donor":          {func(i *wire.Info) { i.NodeID, i.Incarnation = "n1", 1 }, "leads n1 to itself"},
		"a namesake":         {func(i *wire.Info) { i.NodeID, i.Incarnation = "n1", 9 }, "finds n1#9 instead"},
		"one of its number":  {func(i *wire.Info) { i.NodeID, i.Incarnation = "n3", 1 }, "finds n3#1 instead"},
	} {
		info := good
		tc.change(&info)
		var dialled []*timedConn
		h := newLone(t, Config{Dial: pipes(&dialled, answerAs(t, info))})
		h.begin(membership.Member{ID: "n2", Incarnation: 2, PeerAddr: "n2:1"})
		h.group, h.generation = 5, 6
		refusal := h.prove(joinerHello(2))
		if refusal == nil {
			if tc.text != "" {
				t.Errorf("%s: it is served", name)
			}
		} else if tc.text == "" || refusal.Status != wire.StatusBadRequest || !strings.Contains(refusal.Message, tc.text) || refusal.Info.NodeID != "n1" {
			t.Errorf("%s: %+v", name, refusal)
		}
		if len(dialled) != 1 || !dialled[0].wasClosed() {
			t.Errorf("%s: %d connections, which stay", name, len(dialled))
		}
	}
}

// A joiner that is not reached in time is refused, and the connection is let go.
func TestProveEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dialled []*timedConn
		h := newLone(t, Config{Dial: pipes(&dialled, func(far net.Conn) { _, _ = io.Copy(io.Discard, far) })})
		h.begin(membership.Member{ID: "n2", Incarnation: 2, PeerAddr: "n2:1"})
		began := time.Now()
		refusal := h.prove(joinerHello(2))
		if refusal == nil || refusal.Status != wire.StatusBadRequest || !strings.Contains(refusal.Message, "deadline exceeded") {
			t.Errorf("one that says nothing: %+v", refusal)
		}
		if took := time.Since(began); took != 2*time.Second || !dialled[0].wasClosed() {
			t.Errorf("it took %v", took)
		}
	})
	for detection, want := range map[time.Duration]time.Duration{
		0: time.Second, 1500 * time.Millisecond: 1500 * time.Millisecond, time.Minute: 2 * time.Second,
	} {
		if got := proofTime(detection); got != want {
			t.Errorf("proofTime(%v) is %v, want %v", detection, got, want)
		}
	}
}

// Joiners that the registry has not told of are waited for, so many at a time.
func TestAwaitJoiner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{Dial: func(context.Context, string) (net.Conn, error) { return nil, io.EOF }})
		h.begin()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		answers := make(chan membership.Member, maxAwaited+1)
		for range maxAwaited {
			go func() {
				joiner, ok := h.awaitJoiner(ctx, 2)
				if !ok {
					t.Error("one that comes is not waited for")
				}
				answers <- joiner
			}()
		}
		synctest.Wait()
		began := time.Now()
		if _, ok := h.awaitJoiner(ctx, 2); ok || time.Since(began) != 0 {
			t.Errorf("one too many is waited for: %v, for %v", ok, time.Since(began))
		}
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		h.do(func(m *member.Member) {
			m.Directed(&membership.Directive{Revision: 1, Settings: membership.Settings{Detection: time.Minute, Heartbeat: time.Hour}, Joining: []membership.Member{{ID: "n2", Incarnation: 2, PeerAddr: "n2:1"}}})
		})
		for range maxAwaited {
			if joiner := <-answers; joiner.PeerAddr != "n2:1" {
				t.Errorf("it is %+v", joiner)
			}
		}
		if took := time.Since(began); took > 1100*time.Millisecond {
			t.Errorf("it is noticed after %v", took)
		}
		if n := h.awaited.Load(); n != 0 {
			t.Errorf("%d are waited for", n)
		}
		if joiner, ok := h.awaitJoiner(ctx, 2); !ok || joiner.ID != "n2" {
			t.Errorf("%+v, %v", joiner, ok)
		}
		short, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began = time.Now()
		if _, ok := h.awaitJoiner(short, 3); ok || time.Since(began) != 5*time.Second || h.awaited.Load() != 0 {
			t.Errorf("one that never comes: %v after %v, %d are waited for", ok, time.Since(began), h.awaited.Load())
		}
		h.post(func(m *member.Member) { m.Fail(ErrClosed) })
		if _, ok := h.awaitJoiner(ctx, 3); ok {
			t.Error("a node that has ended knows a joiner")
		}
		if n := h.awaited.Load(); n != 0 {
			t.Errorf("%d are waited for at the end", n)
		}
	})
}

// Who answers at an address is the member or somebody else.
func TestIsMember(t *testing.T) {
	h := newLone(t, Config{})
	h.group = 5
	who := isis.MemberID{ID: "n2", Incarnation: 2}
	for _, tc := range []struct {
		found wire.Info
		who   isis.MemberID
		want  string
	}{
		{wire.Info{NodeID: "n2", Incarnation: 2, Group: 5}, who, ""},
		{wire.Info{}, who, ""},
		{wire.Info{NodeID: "n1", Incarnation: 1, Group: 5}, who, "this node itself"},
		{wire.Info{NodeID: "n1", Incarnation: 1, Group: 5}, h.self, ""},
		{wire.Info{NodeID: "n1", Incarnation: 1, Group: 7}, who, "n1 of another group (7)"},
		{wire.Info{NodeID: "n2", Incarnation: 2, Group: 7}, who, "n2 of another group (7)"},
		{wire.Info{NodeID: "n2", Incarnation: 3, Group: 5}, who, "n2#3 answers"},
		{wire.Info{NodeID: "n3", Incarnation: 2, Group: 5}, who, "n3#2 answers"},
		{wire.Info{NodeID: "n1", Incarnation: 4, Group: 5}, who, "n1#4 answers"},
		{wire.Info{NodeID: "n3", Incarnation: 1, Group: 5}, who, "n3#1 answers"},
	} {
		if err := h.isMember(tc.found, tc.who); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v for %v: %v, want %q", tc.found, tc.who, err, tc.want)
		}
	}
}
