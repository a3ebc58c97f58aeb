package transport

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// hookConn calls a function instead of writing, and takes everything.
type hookConn struct {
	net.Conn // nil: panics on what is not implemented
	hook     func()
}

func (c hookConn) Write(b []byte) (int, error) {
	c.hook()
	return len(b), nil
}

func (c hookConn) Close() error { return nil }

func (c hookConn) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "peer"} }

// A write that waits while its link begins again succeeds at last. What it wrote
// belongs to the stream that is gone.
func TestWriteThatOutlivesItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := New(Config{
			Self:    isis.MemberID{ID: "a", Incarnation: 1},
			Handler: handlerFunc(func(isis.MemberID, []isis.Message) {}),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		l := newLine(n, isis.MemberID{ID: "b", Incarnation: 2})
		say := func() {
			m := isis.Message{Kind: isis.KindCommit}
			for range 10 {
				l.end.Commit(AppendMessage(l.end.Reserve(sizeBound(&m)), &m))
			}
			l.end.Flush()
		}
		meet := func(dial uint64) {
			if g := (link.Greeting{Dial: dial, Claim: link.Claim{Epoch: 8 + dial}}); l.end.Greeted(g) != nil || l.end.Meet(g).Status != wire.StatusOK {
				t.Error("the two ends do not fit")
			}
		}
		conn := hookConn{hook: func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.end.Die(link.ErrPeerLost)
			l.do(l.end.Todo())
			l.end.Set(Peer{})
			meet(2)
			say()
			if _, err := l.end.Attach(2, 1); err != nil {
				t.Error(err)
			}
			l.end.Todo()
			l.cur = &attachment{number: 2}
		}}
		say()
		meet(1)
		if _, err := l.attach(conn, 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if sent := l.end.Sent(); sent != 0 {
			t.Fatalf("%d bytes of the new stream count as written", sent)
		}
	})
}

// TestOneReaderAtATime holds up a node in Receive while its peer dials again:
// what the new connection brings waits for what the old one brought.
func TestOneReaderAtATime(t *testing.T) {
	for name, dialler := range map[string]bool{"at the acceptor": false, "at the dialler": true} {
		t.Run(name, func(t *testing.T) {
			var gate chan struct{}
			var inside, calls atomic.Int32
			hold := func(isis.MemberID, []isis.Message) {
				if calls.Add(1); inside.Add(1) != 1 {
					t.Error("two readers of one link at once")
				}
				<-gate
				inside.Add(-1)
			}
			adapt := func(c *Config) {
				if (c.Self.ID == "b") == dialler {
					c.Handler = handlerFunc(hold)
					gate = make(chan struct{}) // of the bubble
				}
			}
			pair(t, adapt, func(t *testing.T, f *fakeNet, a, b *node) {
				from, to := b, a
				if dialler {
					from, to = a, b
				}
				from.say(to, 1)
				synctest.Wait()
				f.pipes[0].breakBoth()
				from.say(to, 2)
				after(t, b.cfg.HandshakeTimeout/2)
				if n := calls.Load(); n != 1 {
					t.Errorf("%d calls of Receive before the first one ended", n)
				}
				close(gate)
				linked(t, a, b)
				synctest.Wait()
				if n := calls.Load(); n != 2 {
					t.Errorf("%d calls of Receive in the end", n)
				}
			})
		})
	}
}
