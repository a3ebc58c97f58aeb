package transport

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// node is a Network that notes what it receives.
type node struct {
	*Network
	Peer

	mu  sync.Mutex // guards got
	got []uint64   // Seq of every message, of whatever peer
}

func (n *node) Receive(_ isis.MemberID, msgs []isis.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range msgs {
		n.got = append(n.got, msgs[i].Seq)
	}
}

// say sends messages with the given numbers.
func (n *node) say(to *node, numbers ...uint64) {
	for _, i := range numbers {
		n.Send(to.MemberID, &isis.Message{Kind: isis.KindFinal, View: 1, Seq: i, Priority: i})
	}
	n.Flush()
}

// heard waits until everything is quiet and checks all that was received since
// the last call.
func (n *node) heard(t *testing.T, want ...uint64) {
	t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.got, want) {
		t.Fatalf("%s received %v, want %v", n.ID, n.got, want)
	}
	n.got = nil
}

// to is the state of the link with a peer.
func (n *node) to(t *testing.T, p *node) link.Status {
	t.Helper()
	for _, s := range n.AppendPeers(nil) {
		if s.MemberID == p.MemberID {
			return s
		}
	}
	t.Fatalf("%s is no peer of %s", p.ID, n.ID)
	return link.Status{}
}

// linked waits until a link is up at both ends.
func linked(t *testing.T, a, b *node) {
	t.Helper()
	for range 100 {
		synctest.Wait()
		if a.to(t, b).Connected && b.to(t, a).Connected {
			return
		}
		after(t, 20*time.Millisecond)
	}
	t.Fatalf("no link: %+v, %+v", a.to(t, b), b.to(t, a))
}

func start(t *testing.T, f *fakeNet, id string, incarnation uint64, adapt func(*Config)) *node {
	t.Helper()
	n := &node{Peer: Peer{MemberID: isis.MemberID{ID: id, Incarnation: incarnation}, Addr: id}}
	cfg := Config{Self: n.MemberID, Group: 1, Generation: 1, Handler: n, Dial: f.dial}
	if adapt != nil {
		adapt(&cfg)
	}
	var err error
	if n.Network, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.nodes[id] = n.Network
	f.mu.Unlock()
	return n
}

// bound returns the peers as they are when they were bound by a view.
func bound(view uint64, peers ...Peer) []Peer {
	peers = slices.Clone(peers)
	for i := range peers {
		peers[i].Bound = view
	}
	return peers
}

// pair runs a test with two nodes, of which b dials, over connections that do
// not break by themselves.
func pair(t *testing.T, adapt func(*Config), test func(t *testing.T, f *fakeNet, a, b *node)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeNet(1)
		f.healed = true
		a, b := start(t, f, "a", 1, adapt), start(t, f, "b", 2, adapt)
		defer closeAll(f, []*Network{a.Network, b.Network})
		a.SetPeers(bound(1, a.Peer, b.Peer))
		b.SetPeers(bound(1, a.Peer, b.Peer))
		linked(t, a, b)
		test(t, f, a, b)
	})
}

func TestLinkBothWays(t *testing.T) {
	pair(t, nil, func(t *testing.T, f *fakeNet, a, b *node) {
		a.say(b, 1, 2, 3)
		b.say(a, 4, 5)
		b.heard(t, 1, 2, 3)
		a.heard(t, 4, 5)
		// What was sent without a connection goes out with the next.
		f.setBlocked(true)
		f.pipes[0].breakBoth()
		synctest.Wait()
		a.say(b, 6)
		b.say(a, 7)
		if s := b.to(t, a); s.Connected || !errors.Is(s.Broken, errCut) || s.KeptBytes == 0 {
			t.Fatalf("%+v", s)
		}
		f.setBlocked(false)
		linked(t, a, b)
		a.heard(t, 7)
		b.heard(t, 6)
	})
}

// A link with a joiner that overflows is made again at once: no view has both.
func TestOverflowWithoutABound(t *testing.T) {
	limits := func(c *Config) { c.MaxRecordBytes, c.MaxKeptBytes = 100, 1000 }
	pair(t, limits, func(t *testing.T, f *fakeNet, a, b *node) {
		a.SetPeers(bound(0, b.Peer))
		b.SetPeers(bound(0, a.Peer))
		a.say(b, 1)
		b.say(a, 2)
		b.heard(t, 1)
		a.heard(t, 2)
		f.setBlocked(true)
		f.pipes[0].breakBoth()
		for i := range uint64(100) {
			a.say(b, 100+i)
		}
		if s := a.to(t, b); s.Dead != nil || !errors.Is(s.Broken, link.ErrFull) {
			t.Fatalf("%+v", s)
		}
		f.setBlocked(false)
		linked(t, a, b)
		synctest.Wait()
		b.got = nil // what was said since then
		a.say(b, 3)
		b.say(a, 4)
		b.heard(t, 3)
		a.heard(t, 4)
	})
}

func TestOverflowIsDeadUntilALaterView(t *testing.T) {
	limits := func(c *Config) { c.MaxRecordBytes, c.MaxKeptBytes = 100, 1000 }
	pair(t, limits, func(t *testing.T, f *fakeNet, a, b *node) {
		peers := []Peer{a.Peer, b.Peer}
		a.say(b, 1)
		b.say(a, 2)
		b.heard(t, 1)
		a.heard(t, 2)
		f.setBlocked(true)
		f.pipes[0].breakBoth()
		for i := range uint64(100) {
			a.say(b, 100+i)
			if s := a.to(t, b); s.KeptBytes > 1000 {
				t.Fatalf("%d bytes kept", s.KeptBytes)
			}
		}
		if s := a.to(t, b); !errors.Is(s.Dead, link.ErrFull) {
			t.Fatalf("%+v", s)
		}
		f.setBlocked(false)
		a.SetPeers(bound(1, peers...)) // not a later view
		after(t, 5*time.Second)
		// b has heard of it, and what it sent is not known to have come.
		if s := b.to(t, a); !errors.Is(s.Dead, link.ErrPeerLost) {
			t.Fatalf("%+v", s)
		}
		a.say(b, 3)
		b.say(a, 4)
		b.heard(t)
		a.heard(t)
		// One end learns of the new view first, and sends.
		a.SetPeers(bound(2, peers...))
		a.say(b, 5)
		after(t, 5*time.Second)
		b.heard(t)
		b.SetPeers(bound(2, peers...))
		b.say(a, 6)
		linked(t, a, b)
		a.say(b, 7)
		b.heard(t, 5, 7)
		a.heard(t, 6)
	})
}

func TestTooLargeMessageIsDeath(t *testing.T) {
	pair(t, func(c *Config) { c.MaxRecordBytes = 100 }, func(t *testing.T, _ *fakeNet, a, b *node) {
		a.Send(b.MemberID, &isis.Message{Kind: isis.KindPropose, Payload: make([]byte, 100)})
		if s := a.to(t, b); !errors.Is(s.Dead, link.ErrTooLarge) {
			t.Fatalf("%+v", s)
		}
	})
}

func TestPeerThatForgot(t *testing.T) {
	for name, carried := range map[string]bool{"with something sent": true, "with nothing sent": false} {
		t.Run(name, func(t *testing.T) {
			pair(t, nil, func(t *testing.T, _ *fakeNet, a, b *node) {
				peers := []Peer{a.Peer, b.Peer}
				b.say(a, 1)
				a.heard(t, 1)
				if carried {
					a.say(b, 2)
					b.heard(t, 2)
				}
				b.SetPeers(nil)
				b.SetPeers(bound(3, peers...))
				b.say(a, 3)
				if !carried { // there can be no gap, so nobody has to wait for a view
					linked(t, a, b)
					a.heard(t, 3)
					return
				}
				after(t, 5*time.Second)
				if s := a.to(t, b); !errors.Is(s.Dead, link.ErrPeerLost) {
					t.Fatalf("%+v", s)
				}
				a.heard(t)
				a.SetPeers(bound(3, peers...))
				linked(t, a, b)
				a.say(b, 4)
				b.heard(t, 4)
				a.heard(t, 3)
			})
		})
	}
}

func TestDropped(t *testing.T) {
	pair(t, nil, func(t *testing.T, _ *fakeNet, a, b *node) {
		a.SetPeers(nil)
		a.say(b, 1)
		b.heard(t)
		if len(a.AppendPeers(nil)) != 0 {
			t.Fatalf("%+v", a.AppendPeers(nil))
		}
		after(t, time.Second)
		if s := b.to(t, a); s.Connected || !strings.Contains(s.Broken.Error(), "not a peer") {
			t.Fatalf("%+v", s)
		}
	})
}

func TestRestartedPeerIsAnother(t *testing.T) {
	pair(t, nil, func(t *testing.T, f *fakeNet, a, b *node) {
		a.say(b, 1)
		b.heard(t, 1)
		b.Close()
		// Its successor dials before the others are told of it.
		again := start(t, f, "b", 3, nil)
		defer again.Close()
		peers := []Peer{a.Peer, again.Peer}
		again.SetPeers(peers)
		again.say(a, 2)
		after(t, 5*time.Second)
		if s := again.to(t, a); s.Connected || !strings.Contains(s.Broken.Error(), "b#3 is linked as b#2") {
			t.Fatalf("%+v", s)
		}
		a.heard(t)
		a.SetPeers(peers)
		a.say(again, 3)
		linked(t, a, again)
		a.heard(t, 2)
		again.heard(t, 3)
	})
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		adapt func(*Config)
		addr  string
		want  string
	}{
		"another group":       {func(c *Config) { c.Group = 9 }, "a", "this node is of group 1, generation 1, not of group 9"},
		"another generation":  {func(c *Config) { c.Generation = 9 }, "a", "not of group 1, generation 9"},
		"another node there":  {nil, "x", "this is x#9, not a#1"},
		"nobody there":        {nil, "nowhere", errCut.Error()},
		"another incarnation": {func(c *Config) { c.Self.Incarnation = 8 }, "a", "b#8 is linked as b#2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeNet(1)
				f.healed = true
				a, b := start(t, f, "a", 1, nil), start(t, f, "b", 2, c.adapt)
				x := start(t, f, "x", 9, nil)
				defer closeAll(f, []*Network{a.Network, b.Network, x.Network})
				a.SetPeers([]Peer{b.Peer})
				b.SetPeers([]Peer{{MemberID: a.MemberID, Addr: c.addr}})
				after(t, time.Second)
				s := b.to(t, a)
				if s.Connected || s.Broken == nil || !strings.Contains(s.Broken.Error(), c.want) {
					t.Fatalf("%+v", s)
				}
				// Where it was sent to the wrong place, it finds the right one.
				if c.adapt == nil {
					b.SetPeers([]Peer{a.Peer})
					linked(t, a, b)
				}
			})
		})
	}
}

func TestHalfOpenConnectionIsReplaced(t *testing.T) {
	pair(t, nil, func(t *testing.T, f *fakeNet, a, b *node) {
		before := b.to(t, a).Heard
		after(t, time.Second)
		synctest.Wait() // for the ping of this moment
		if s := b.to(t, a); s.Heard <= before {
			t.Fatal("no pings are heard")
		}
		f.pipes[0].freeze() // b hears nothing
		a.say(b, 1)
		after(t, 900*time.Millisecond)
		if s := b.to(t, a); !s.Connected {
			t.Fatalf("gave up before the limit: %+v", s)
		}
		after(t, 200*time.Millisecond)
		linked(t, a, b)
		b.heard(t, 1)
		if len(f.pipes) != 2 {
			t.Fatalf("%d connections were made", len(f.pipes))
		}
	})
}

func TestPeerThatDoesNotReadBlocksNobody(t *testing.T) {
	pair(t, func(c *Config) { c.PingInterval = time.Hour }, func(t *testing.T, f *fakeNet, a, b *node) {
		f.pipes[0].freeze()
		for i := range uint64(10_000) { // far more than the connection holds
			a.say(b, i)
		}
		synctest.Wait()
		if s := a.to(t, b); !s.Connected || s.KeptBytes < 100_000 {
			t.Fatalf("%+v", s)
		}
	})
}

// greet dials a with a Hello, and returns the reply.
func greet(t *testing.T, f *fakeNet, a *node, hello wire.Hello) (*fakeConn, wire.HelloReply, error) {
	t.Helper()
	conn := f.connect(a.Addr)
	if err := wire.WriteHello(conn, hello); err != nil {
		t.Fatal(err)
	}
	r, err := wire.ReadHelloReply(conn)
	return conn, r, err
}

// firstDial is the Hello of the first dial from one node to another.
func firstDial(from, to *node) wire.Hello {
	hello, _ := link.NewNode(link.Config{Self: from.MemberID, Group: 1, Generation: 1}).Link(to.MemberID).Hello()
	return hello
}

func TestLateDialIsTurnedAway(t *testing.T) {
	pair(t, nil, func(t *testing.T, f *fakeNet, a, b *node) {
		conn, r, err := greet(t, f, a, firstDial(b, a))
		if err == nil {
			t.Fatalf("an older dial got an answer: %+v", r)
		}
		_ = conn.Close()
		a.say(b, 1)
		b.say(a, 2)
		b.heard(t, 1)
		a.heard(t, 2)
		if len(f.pipes) != 2 {
			t.Fatalf("%d connections were made", len(f.pipes))
		}
	})
}

func TestNewerDialWins(t *testing.T) {
	pair(t, nil, func(t *testing.T, f *fakeNet, a, b *node) {
		a.say(b, 1)
		b.say(a, 2)
		b.heard(t, 1)
		a.heard(t, 2)
		// A dial that b gives up right after, as if it had been cut.
		l := (*b.lines.Load())[a.MemberID]
		l.mu.Lock()
		hello, _ := l.end.Hello()
		l.unlock()
		conn, r, err := greet(t, f, a, hello)
		if err != nil || r.Status != wire.StatusOK {
			t.Fatalf("%+v, %v", r, err)
		}
		conn.breakNear()
		a.say(b, 3)
		b.say(a, 4)
		linked(t, a, b)
		b.heard(t, 3)
		a.heard(t, 4)
	})
}

func TestGarbageHurtsOneLink(t *testing.T) {
	pair(t, nil, func(t *testing.T, f *fakeNet, a, b *node) {
		c := start(t, f, "c", 3, nil)
		defer c.Close()
		peers := []Peer{a.Peer, b.Peer, c.Peer}
		a.SetPeers(bound(2, peers...))
		c.SetPeers(bound(2, peers...))
		linked(t, a, c)
		f.pipes[0].out.mu.Lock()
		f.pipes[0].out.buf = append(f.pipes[0].out.buf, "GET / HTTP/1.1\r\n\r\n"...)
		f.pipes[0].out.cond.Broadcast()
		f.pipes[0].out.mu.Unlock()
		synctest.Wait()
		s := a.to(t, b)
		if !errors.Is(s.Dead, wire.ErrFrameTooLarge) || !strings.Contains(s.Dead.Error(), "b#2") {
			t.Fatalf("%+v", s)
		}
		a.say(c, 1)
		c.say(a, 2)
		c.heard(t, 1)
		a.heard(t, 2)
	})
}

func TestConfirmationGoesOutAlone(t *testing.T) {
	pair(t, func(c *Config) { c.ConfirmBytes, c.PingInterval = 1000, time.Hour }, func(t *testing.T, _ *fakeNet, a, b *node) {
		for i := range uint64(1000) {
			a.say(b, i)
			synctest.Wait()
			if s := a.to(t, b); s.KeptBytes > 1100 {
				t.Fatalf("%d bytes kept after message %d", s.KeptBytes, i)
			}
		}
	})
}

func TestAcceptAfterClose(t *testing.T) {
	pair(t, nil, func(t *testing.T, f *fakeNet, a, b *node) {
		a.Close()
		if _, _, err := greet(t, f, a, firstDial(b, a)); err == nil {
			t.Fatal("a closed node answers")
		}
		a.SetPeers([]Peer{b.Peer})
		a.say(b, 1)
		if len(a.AppendPeers(nil)) != 0 {
			t.Fatal("a closed node has peers")
		}
	})
}
