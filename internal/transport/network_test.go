package transport

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// handlerFunc is a Handler that is a function.
type handlerFunc func(from isis.MemberID, msgs []isis.Message)

func (h handlerFunc) Receive(from isis.MemberID, msgs []isis.Message) { h(from, msgs) }

// listen accepts peers over loopback until the test ends. Its address is known
// before the node is.
func listen(t *testing.T) (addr string, serve func(*Network)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	return l.Addr().String(), func(n *Network) {
		wg.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				hello, err := wire.ReadHello(conn)
				if err != nil {
					_ = conn.Close()
					continue
				}
				n.Accept(conn, hello)
			}
		})
	}
}

// overTCP links two nodes over loopback. The connection is read by a goroutine at
// one end and, where there are loops, by one at the other.
func overTCP(t *testing.T, ha, hb Handler) (a, b *Network) {
	t.Helper()
	addr, serve := listen(t)
	ida, idb := isis.MemberID{ID: "a", Incarnation: 1}, isis.MemberID{ID: "b", Incarnation: 2}
	var err error
	if a, err = New(Config{Self: ida, Handler: ha}); err != nil {
		t.Fatal(err)
	}
	loop, err := evloop.New(nil, nil)
	if err == nil {
		t.Cleanup(loop.Close)
	} else if !errors.Is(err, evloop.ErrUnsupported) {
		t.Fatal(err)
	}
	if b, err = New(Config{Self: idb, Handler: hb, Loop: loop}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	t.Cleanup(b.Close)
	a.SetPeers([]Peer{{MemberID: idb}})
	b.SetPeers([]Peer{{MemberID: ida, Addr: addr}})
	serve(a)
	return a, b
}

func TestSteadyStateOverTCPAllocatesNothing(t *testing.T) {
	var got atomic.Int64
	turn := make(chan struct{}, 1)
	a, b := overTCP(t,
		handlerFunc(func(isis.MemberID, []isis.Message) {}),
		handlerFunc(func(_ isis.MemberID, msgs []isis.Message) {
			if got.Add(int64(len(msgs)))%4 == 0 {
				turn <- struct{}{}
			}
		}))
	to := b.cfg.Self
	msgs := []isis.Message{
		{Kind: isis.KindProposal, View: 1, Seq: 2, Priority: 3},
		{Kind: isis.KindFinal, View: 1, Seq: 2, Priority: 3},
		{Kind: isis.KindAck, View: 1, Acks: []uint64{1, 2, 3}},
		{Kind: isis.KindAck, View: 1, Acks: []uint64{4, 5, 6}},
	}
	send := func() {
		for i := range msgs {
			a.Send(to, &msgs[i])
		}
		a.Flush()
		<-turn
	}
	for range 100 {
		send()
	}
	// One in a hundred is left for the runtime's own and for the pings' timers.
	if allocs := testing.AllocsPerRun(2000, send); allocs > 0.01 {
		t.Fatalf("%v allocations per turn", allocs)
	}
}

func TestNobodyReadsOverTCP(t *testing.T) {
	stuck := make(chan struct{})
	var received atomic.Int64
	done := make(chan struct{})
	const total = 300
	a, b := overTCP(t,
		handlerFunc(func(isis.MemberID, []isis.Message) {}),
		handlerFunc(func(_ isis.MemberID, msgs []isis.Message) {
			<-stuck
			if received.Add(int64(len(msgs))) == total {
				close(done)
			}
		}))
	free := sync.OnceFunc(func() { close(stuck) })
	defer free()
	payload := make([]byte, 100_000)
	for i := range total { // 30 MB: no socket holds that
		a.Send(b.cfg.Self, &isis.Message{Kind: isis.KindPropose, Seq: uint64(i), Count: 1, Payload: payload})
		a.Flush()
	}
	// Here we are, though nobody reads. All of it is there once somebody does.
	free()
	<-done
}

func TestCallsFromManyGoroutines(t *testing.T) {
	a, b := overTCP(t,
		handlerFunc(func(isis.MemberID, []isis.Message) {}),
		handlerFunc(func(isis.MemberID, []isis.Message) {}))
	var wg sync.WaitGroup
	peers := []Peer{{MemberID: b.cfg.Self}}
	wg.Go(func() {
		for i := range uint64(200) {
			a.SetPeers(peers[:i%2])
		}
	})
	wg.Go(func() {
		for range 200 {
			a.Send(b.cfg.Self, &isis.Message{Kind: isis.KindCommit, View: 1})
			a.Flush()
		}
	})
	wg.Go(func() {
		for range 200 {
			_ = a.AppendPeers(nil)
		}
	})
	wg.Go(func() {
		for range 20 {
			near, far := net.Pipe()
			go func() {
				_, _ = wire.ReadHelloReply(far)
				_ = far.Close()
			}()
			a.Accept(near, wire.Hello{Role: wire.RolePeer, MinVersion: 1, MaxVersion: 1})
		}
	})
	wg.Wait()
	a.Close()
	a.Close() // once more does no harm
}

func TestConfigValidate(t *testing.T) {
	good := Config{
		Self:    isis.MemberID{ID: "n1", Incarnation: 1},
		Handler: handlerFunc(func(isis.MemberID, []isis.Message) {}),
	}
	for name, spoil := range map[string]func(*Config){
		"no id":               func(c *Config) { c.Self.ID = "" },
		"no incarnation":      func(c *Config) { c.Self.Incarnation = 0 },
		"no handler":          func(c *Config) { c.Handler = nil },
		"negative record":     func(c *Config) { c.MaxRecordBytes = -1 },
		"no room for one":     func(c *Config) { c.MaxRecordBytes, c.MaxKeptBytes = 1000, 1000 },
		"negative confirm":    func(c *Config) { c.ConfirmBytes = -1 },
		"negative interval":   func(c *Config) { c.PingInterval = -1 },
		"silence below pings": func(c *Config) { c.SilenceLimit = time.Millisecond },
		"redial upside down":  func(c *Config) { c.RedialMin, c.RedialMax = time.Second, time.Millisecond },
	} {
		c := good
		spoil(&c)
		if n, err := New(c); err == nil {
			n.Close()
			t.Errorf("%s: accepted", name)
		}
	}
	n, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
}
