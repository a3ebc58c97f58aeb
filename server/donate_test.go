package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// begin makes a lone replica the only member of a view, in which others may want to join.
func (h *lone) begin(joining ...membership.Member) {
	first := membership.Directive{
		Settings: membership.Settings{Detection: time.Minute, Heartbeat: time.Hour, Tick: time.Hour, Audit: time.Hour},
		Views:    []membership.View{{ID: 1, Members: []membership.Member{{ID: "n1", Incarnation: 1, PeerAddr: "n1:1"}}}},
		Joining:  joining,
	}
	h.do(func(m *member.Member) { m.Start(&first) })
}

// timedConn notes by when a write, and any use, must have ended.
type timedConn struct {
	net.Conn

	mu     sync.Mutex // guards what follows
	write  time.Time
	all    []time.Time // of both, as set
	limits []time.Time // of the writes, in order
	closed bool
}

func (c *timedConn) SetWriteDeadline(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = at
	return c.Conn.SetWriteDeadline(at)
}

func (c *timedConn) SetDeadline(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write, c.all = at, append(c.all, at)
	return c.Conn.SetDeadline(at)
}

func (c *timedConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.limits = append(c.limits, c.write)
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *timedConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.Conn.Close()
}

// wasClosed reports whether the connection was closed at this end.
func (c *timedConn) wasClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// snapshots returns how many snapshots of the state are open.
func (h *lone) snapshots() (n int) {
	h.do(func(*member.Member) { n = h.reader.State().Snapshots() })
	return n
}

// A donor gives its state within a time, and then what is delivered, however long that
// takes. It lets go of all that when the joiner hangs up.
func TestDonate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		h.begin(membership.Member{ID: "n7", Incarnation: 7, PeerAddr: "n7:1"})
		near, far := net.Pipe()
		conn := &timedConn{Conn: near}
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- h.donate(conn, 7) }()
		frames := wire.NewFrameReader(far, member.MaxFrameBytes)
		next := func(want byte) {
			t.Helper()
			if kind, _, err := frames.Next(); err != nil || kind != want {
				t.Fatalf("a frame of kind %d, %v, want %d", kind, err, want)
			}
		}
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		if n := h.snapshots(); n != 1 {
			t.Errorf("%d snapshots while the state is sent", n)
		}
		next(16) // a chunk
		next(17) // the end of the state
		next(18) // the head
		synctest.Wait()
		if want := []time.Time{began.Add(member.JoinPatience), began.Add(time.Second + member.JoinPatience), {}}; fmt.Sprint(conn.limits) != fmt.Sprint(want) {
			t.Errorf("the writes may last until %v, want %v", conn.limits, want)
		}
		if n := h.snapshots(); n != 0 {
			t.Errorf("%d snapshots when the state is sent", n)
		}
		deliver := func(*member.Member) {
			h.host.Delivered(&wire.Delivery{View: 1, Sender: "n1", Incarnation: 1, First: 1})
		}
		h.do(deliver)
		next(wire.FrameDelivery)
		next(18)
		var f *feed
		h.do(func(*member.Member) { f = h.front.joiners[0] })
		if f.joiner != 7 {
			t.Errorf("the feed is of joiner %d", f.joiner)
		}
		if err := far.Close(); err != nil {
			t.Error(err)
		}
		h.do(deliver)
		if err := <-ended; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("it ends by %v", err)
		}
		if ended, _ := f.standing(); !ended {
			t.Error("deliveries are kept for a joiner that is gone")
		}
	})
}

// A joiner that hangs up while it loads the state leaves nothing behind: the store keeps
// old versions for a snapshot.
func TestJoinerHangsUp(t *testing.T) {
	h := newLone(t, Config{})
	h.begin(membership.Member{ID: "n7", Incarnation: 7, PeerAddr: "n7:1"})
	near, far := net.Pipe()
	if err := far.Close(); err != nil {
		t.Error(err)
	}
	if err := h.donate(near, 7); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("it ends by %v", err)
	}
	if n := h.snapshots(); n != 0 {
		t.Errorf("%d snapshots are open", n)
	}
}

// A donor that gives a joiner up says why, unless the joiner knows or cannot be told.
func TestRefuseJoiner(t *testing.T) {
	h := newLone(t, Config{})
	for _, tc := range []struct {
		reason error
		told   bool
	}{
		{nil, false},
		{fmt.Errorf("observed: %w", member.ErrMemberNow), false},
		{fmt.Errorf("write: %w", net.ErrClosed), false},
		{&net.OpError{Op: "write", Err: os.ErrDeadlineExceeded}, false},
		{errors.New("no more"), true},
		{fmt.Errorf("feed: %w", member.ErrLagged), true},
	} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			conn := &timedConn{Conn: near}
			got := make(chan string, 1)
			go func() {
				b, _ := io.ReadAll(far)
				got <- string(b)
			}()
			began := time.Now()
			h.refuseJoiner(conn, tc.reason)
			if err := near.Close(); err != nil {
				t.Error(err)
			}
			text := <-got
			if told := text != ""; told != tc.told || told && !strings.HasSuffix(text, tc.reason.Error()) {
				t.Errorf("%v: the joiner is told %q", tc.reason, text)
			}
			if tc.told && !conn.limits[0].Equal(began.Add(refusalTime)) {
				t.Errorf("%v: it may take until %v", tc.reason, conn.limits[0])
			}
		})
	}
}

// Whoever is no member, or ends, says so to its joiners.
func TestNoDonor(t *testing.T) {
	h := newLone(t, Config{})
	read := func(far net.Conn) chan string {
		got := make(chan string, 1)
		go func() {
			b, _ := io.ReadAll(far)
			got <- string(b)
		}()
		return got
	}
	near, far := net.Pipe()
	told := read(far)
	if err := h.donate(near, 7); !errors.Is(err, member.ErrNoDonor) {
		t.Errorf("one that is in no view: %v", err)
	}
	near.Close()
	if text := <-told; !strings.HasSuffix(text, member.ErrNoDonor.Error()) || len(h.front.joiners) != 0 {
		t.Errorf("the joiner is told %q, %d feeds", text, len(h.front.joiners))
	}
	h.begin(membership.Member{ID: "n7", Incarnation: 7, PeerAddr: "n7:1"})
	near, far = net.Pipe()
	told = read(far)
	ended := make(chan error, 1)
	go func() { ended <- h.donate(near, 7) }()
	eventually(t, "it donates", func() (is bool) {
		h.do(func(*member.Member) { is = len(h.front.joiners) == 1 })
		return is
	})
	h.post(func(m *member.Member) { m.Fail(member.ErrExcluded) })
	if err := <-ended; !errors.Is(err, member.ErrExcluded) {
		t.Errorf("one that has ended: %v", err)
	}
	near.Close()
	if text := <-told; !strings.HasSuffix(text, member.ErrExcluded.Error()) {
		t.Errorf("the joiner is told %q", text)
	}
	if err := h.donate(near, 7); !errors.Is(err, member.ErrNoDonor) {
		t.Errorf("one that has ended before: %v", err)
	}
}
