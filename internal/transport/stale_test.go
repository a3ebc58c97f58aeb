package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/link"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// What a connection brought does not count any more once its stream has begun again: the
// peer sends it once more, or has given it up.
func TestWhatIsReadTooLate(t *testing.T) {
	for name, c := range map[string]struct {
		between func(l *line)
		want    int
	}{
		"nothing happens":       {func(*line) {}, 1},
		"the connection breaks": {func(l *line) { l.end.Broke(1, io.EOF) }, 1},
		"the link begins again": {func(l *line) { l.end.Die(link.ErrPeerLost) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			n, err := New(Config{
				Self:    isis.MemberID{ID: "a", Incarnation: 1},
				Handler: handlerFunc(func(isis.MemberID, []isis.Message) { calls++ }),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			near, far := net.Pipe()
			defer near.Close()
			defer far.Close()
			l := newLine(n, isis.MemberID{ID: "b", Incarnation: 2})
			defer l.close()
			g := link.Greeting{Dial: 1, Claim: link.Claim{Epoch: 8}}
			if l.end.Greeted(g) != nil || l.end.Meet(g).Status != wire.StatusOK {
				t.Fatal("the two ends do not fit")
			}
			a, err := l.attach(near, 1)
			if err != nil {
				t.Fatal(err)
			}
			// A node's link sends the record: its mark stands before it.
			sender := link.NewNode(n.cfg.link()).Link(isis.MemberID{ID: "a", Incarnation: 1})
			m := isis.Message{Kind: isis.KindCommit}
			sender.Commit(AppendMessage(sender.Reserve(sizeBound(&m)), &m))
			sender.Flush()
			go func() { _, _ = far.Write(sender.Unsent()) }()
			if fault, err := a.decode(); fault || err != nil || len(a.msgs) != 1 {
				t.Fatalf("%d messages, %v", len(a.msgs), err)
			}
			l.mu.Lock()
			c.between(l)
			l.unlock()
			if a.deliver(); calls != c.want {
				t.Errorf("%d messages count, want %d", calls, c.want)
			}
		})
	}
}

// A dial that waits for the reader of the connection before goes when a newer one comes.
func TestOlderDialsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := New(Config{
			Self:    isis.MemberID{ID: "a", Incarnation: 1},
			Handler: handlerFunc(func(isis.MemberID, []isis.Message) {}),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		peer := isis.MemberID{ID: "b", Incarnation: 2}
		n.SetPeers([]Peer{{MemberID: peer, Addr: "b:1"}})
		l := (*n.lines.Load())[peer]
		l.reader <- struct{}{} // somebody reads
		ends := make([]net.Conn, 3)
		for i := range ends {
			var near net.Conn
			near, ends[i] = net.Pipe()
			go l.serve(near, link.Greeting{Dial: uint64(i + 1), Claim: link.Claim{Epoch: 8}})
			synctest.Wait()
		}
		for _, far := range ends[:2] {
			_ = far.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("an older dial: %v", err)
			}
		}
		<-l.reader
		if r, err := wire.ReadHelloReply(ends[2]); err != nil || r.Status != wire.StatusOK {
			t.Errorf("the newest dial is answered %+v, %v", r, err)
		}
	})
}

// Whoever dials and does not read the answer is given up after the time of a handshake.
func TestAnswerThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := New(Config{
			Self:    isis.MemberID{ID: "a", Incarnation: 1},
			Handler: handlerFunc(func(isis.MemberID, []isis.Message) {}),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		near, far := net.Pipe()
		defer far.Close()
		start := time.Now()
		if err := n.reply(t.Context(), near, &wire.HelloReply{Status: wire.StatusOK}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the answer is written: %v", err)
		}
		if took := time.Since(start); took != n.cfg.HandshakeTimeout {
			t.Errorf("it took %v", took)
		}
	})
}
