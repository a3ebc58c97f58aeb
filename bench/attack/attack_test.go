package attack

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// victim is a listener whose connections a test answers.
type victim struct {
	t       *testing.T
	l       net.Listener
	serving sync.WaitGroup
	conns   chan net.Conn
}

func newVictim(t *testing.T, serve func(net.Conn)) *victim {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{t: t, l: l, conns: make(chan net.Conn, 1024)}
	v.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			v.serving.Go(func() { serve(conn) })
			v.conns <- conn
		}
	})
	t.Cleanup(func() {
		l.Close()
		v.serving.Wait()
		close(v.conns)
		for conn := range v.conns {
			conn.Close()
		}
	})
	return v
}

// welcome greets a client, and reads all that it has to say.
func welcome(conn net.Conn) {
	defer conn.Close()
	if _, err := wire.ReadHello(conn); err == nil && wire.WriteHelloReply(conn, wire.HelloReply{Version: wire.MaxVersion}) == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}

func (v *victim) config(kind Kind) Config {
	return Config{Kind: kind, Nodes: []string{v.l.Addr().String()}, Registry: v.l.Addr().String(), Conns: 5, Frames: 10_000, FramesPerConn: 10}
}

// reaches waits until the figures are as they should be.
func reaches(t *testing.T, a *Attack, what string, holds func(Figures) bool) {
	t.Helper()
	for !holds(a.Figures()) {
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: %+v", what, a.Figures())
		case <-time.After(time.Millisecond):
		}
	}
}

// TestKept has connections that are kept, and opened again when they end.
func TestKept(t *testing.T) {
	for _, kind := range []Kind{Stopped, Unread, Idle, Silent} {
		t.Run(string(kind), func(t *testing.T) {
			v := newVictim(t, welcome)
			a, err := Start(t.Context(), v.config(kind))
			if err != nil {
				t.Fatal(err)
			}
			if f := a.Figures(); f.Open != 5 || f.Opened != 5 || f.Refused > 0 {
				t.Errorf("in place: %+v", f)
			}
			for range 2 {
				if err := (<-v.conns).Close(); err != nil {
					t.Error(err)
				}
			}
			reaches(t, a, "opened again", func(f Figures) bool { return f.Ended == 2 && f.Open == 5 && f.Opened == 7 })
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			if f := a.Figures(); f.Open != 0 || f.Ended != 2 {
				t.Errorf("closed: %+v", f)
			}
		})
	}
}

func TestGarbage(t *testing.T) {
	v := newVictim(t, func(conn net.Conn) {
		defer conn.Close()
		_, _ = io.Copy(io.Discard, conn)
	})
	a, err := Start(t.Context(), v.config(Garbage))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for range v.conns { // nobody wants them
		}
	}()
	reaches(t, a, "garbage", func(f Figures) bool { return f.Frames >= 500 && f.Opened*10 >= f.Frames })
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestNobodyThere gives up with the context, and says how far it came.
func TestNobodyThere(t *testing.T) {
	v := newVictim(t, func(conn net.Conn) { conn.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, err := Start(ctx, v.config(Idle))
	if a != nil || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "Refused:") {
		t.Errorf("%v, %v", a, err)
	}
}

// TestShots holds that garbage takes every form to every address, and that none of
// it is a client's hello alone, which would be welcome.
func TestShots(t *testing.T) {
	a := &Attack{cfg: Config{Nodes: []string{"a", "b"}, Registry: "r", FramesPerConn: 3}}
	shots := a.shots()
	if want := variants * (2*len(nodeForms) + len(registryForms)); len(shots) != want {
		t.Fatalf("%d shots, want %d", len(shots), want)
	}
	hello := helloBytes(clientHello)
	for _, addr := range []string{"a", "b", "r"} {
		of := slices.Clone(shots)
		of = slices.DeleteFunc(of, func(s shot) bool { return s.addr != addr })
		if len(of) < variants {
			t.Errorf("%d shots at %s", len(of), addr)
		}
		for _, s := range of {
			if len(s.bytes) < s.frames || string(s.bytes) == string(hello) {
				t.Errorf("%d frames of garbage at %s are %q", s.frames, addr, s.bytes)
			}
		}
	}
}

func TestConfig(t *testing.T) {
	good := Config{Kind: Idle, Nodes: []string{"a"}, Registry: "r", Conns: 1, Frames: 1, FramesPerConn: 1}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		`"polite" is none of`:  func(c *Config) { c.Kind = "polite" },
		"whom to attack":       func(c *Config) { c.Nodes = nil },
		"0 connections":        func(c *Config) { c.Conns = 0 },
		"1 frames a second, 2": func(c *Config) { c.FramesPerConn = 2 },
	} {
		c := good
		change(&c)
		if _, err := Start(t.Context(), c); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
