package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
)

func TestRepliesInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{NodeID: "n1"}, Options{})
		a, b := get(t.Context(), c, "a"), get(t.Context(), c, "b")
		first, second := p.next(), p.next()
		if first.Position != 7 || first.Timeout != DefaultTimeout {
			t.Errorf("%+v", first)
		}
		p.reply(wire.Reply{ID: second.ID, Data: []byte(second.Key)})
		p.reply(wire.Reply{ID: first.ID, Data: []byte(first.Key)})
		for key, ended := range map[string]<-chan outcome{"a": a, "b": b} {
			if o := <-ended; o.err != nil || string(o.reply.Data) != key {
				t.Errorf("%s: %+v", key, o)
			}
		}
	})
}

// Requests that come while another is being written go out in one write.
func TestRequestsShareWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, counting := dialPeer(t, wire.Info{}, Options{})
		const callers = 100
		var all []<-chan outcome
		for range callers {
			all = append(all, get(t.Context(), c, "k"))
		}
		// The peer reads nothing yet, so the first write cannot end.
		synctest.Wait()
		for range callers {
			r := p.next()
			p.reply(wire.Reply{ID: r.ID})
		}
		for _, ended := range all {
			if o := <-ended; o.err != nil {
				t.Error(o.err)
			}
		}
		if n := counting.writes.Load(); n > 2 {
			t.Errorf("%d writes for %d requests", n, callers)
		}
	})
}

// A caller goes away; its request counts until the reply comes, which is dropped.
func TestAbandonedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{MaxInFlight: 2}, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		gone := get(ctx, c, "gone")
		r := p.next()
		cancel()
		if o := <-gone; !errors.Is(o.err, context.Canceled) || errors.Is(o.err, wire.ErrNotSent) {
			t.Errorf("%v", o.err)
		}
		waiting := get(t.Context(), c, "waiting")
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if o := <-get(short, c, "short"); !errors.Is(o.err, wire.ErrNotSent) || !errors.Is(o.err, context.DeadlineExceeded) {
			t.Errorf("without a slot: %v", o.err)
		}
		synctest.Wait()
		p.reply(wire.Reply{ID: r.ID, Data: []byte("late")})
		r = p.next()
		p.reply(wire.Reply{ID: r.ID, Data: []byte(r.Key)})
		if o := <-waiting; o.err != nil || string(o.reply.Data) != "waiting" {
			t.Errorf("%+v", o)
		}
	})
}

func TestViolationsEndTheConnection(t *testing.T) {
	for name, b := range map[string][]byte{
		"an unknown id":   wire.AppendReply(nil, &wire.Reply{ID: 99 << slotBits}),
		"the id 0":        wire.AppendReply(nil, &wire.Reply{}),
		"a delivery":      wire.AppendDelivery(nil, &wire.Delivery{}),
		"a request":       wire.AppendRequest(nil, &wire.Request{Kind: wire.RequestPing}),
		"a broken reply":  {2, 0, 0, 0, wire.FrameReply, 0x80},
		"a huge frame":    {0, 0, 0, 0xff, wire.FrameReply},
		"an empty frame":  {0, 0, 0, 0},
		"another's bytes": []byte("HTTP/1.1 200 OK\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p, _ := dialPeer(t, wire.Info{NodeID: "n1"}, Options{})
				ended := get(t.Context(), c, "k")
				p.next()
				p.send(b)
				o := <-ended
				if !errors.Is(o.err, wire.ErrMalformed) && !errors.Is(o.err, wire.ErrFrameTooLarge) {
					t.Errorf("%v", o.err)
				}
				if errors.Is(o.err, wire.ErrNotSent) {
					t.Errorf("it was sent: %v", o.err)
				}
				<-c.Retired()
				if o := <-get(t.Context(), c, "k"); !errors.Is(o.err, wire.ErrNotSent) {
					t.Errorf("afterwards: %v", o.err)
				}
			})
		})
	}
}

// What was still in the outbox when the connection broke was not sent.
func TestNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{}, Options{})
		inWrite := get(t.Context(), c, "in the write")
		synctest.Wait()
		behind := get(t.Context(), c, "behind it")
		synctest.Wait()
		p.conn.Close()
		if o := <-inWrite; o.err == nil || errors.Is(o.err, wire.ErrNotSent) {
			t.Errorf("in the write: %v", o.err)
		}
		if o := <-behind; !errors.Is(o.err, wire.ErrNotSent) {
			t.Errorf("behind it: %v", o.err)
		}
	})
}

// A writer that meets Close starts no goroutine: Close may have waited for all of them.
func TestWriterMeetsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := dialPeer(t, wire.Info{}, Options{})
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c.out.flushing = true
		c.flushRest([]byte("the rest of a batch"), 0)
		synctest.Wait()
		if c.out.flushing {
			t.Error("the rest is left to a goroutine")
		}
	})
}

// The peer does not read. Callers whose contexts end are not held up by that,
// although one of them has begun a write.
func TestNoCallerWaitsForAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{}, Options{PingInterval: time.Minute})
		ctx, cancel := context.WithCancel(t.Context())
		writer, other := get(ctx, c, "writer"), get(ctx, c, "other")
		synctest.Wait()
		cancel()
		began := time.Now()
		for _, ended := range []<-chan outcome{writer, other} {
			if o := <-ended; !errors.Is(o.err, context.Canceled) {
				t.Errorf("%v", o.err)
			}
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("after %v", took)
		}
		// The requests go out all the same, whole, and so do later ones.
		later := get(t.Context(), c, "later")
		for range 3 {
			r := p.next()
			p.reply(wire.Reply{ID: r.ID})
		}
		if o := <-later; o.err != nil {
			t.Error(o.err)
		}
	})
}

// Large values go both ways, and their data is the caller's.
func TestLargeValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{MaxValueBytes: 4 << 20}, Options{})
		large := bytes.Repeat([]byte("large"), 800_000)
		ended := make(chan outcome, 1)
		go func() {
			reply, err := c.Write(t.Context(), 0, wire.Command{Op: wire.OpSet, Session: 1, Seq: 1, Floor: 1, Key: "k", Value: large})
			ended <- outcome{reply, err}
		}()
		r := p.next()
		if !bytes.Equal(r.Command.Value, large) {
			t.Error("the value arrives changed")
		}
		p.reply(wire.Reply{ID: r.ID, Data: large})
		o := <-ended
		if o.err != nil || !bytes.Equal(o.reply.Data, large) {
			t.Errorf("%v", o.err)
		}
		// The next frame goes through the same buffer.
		next := get(t.Context(), c, "k")
		r = p.next()
		p.reply(wire.Reply{ID: r.ID, Data: bytes.Repeat([]byte{'x'}, len(large))})
		<-next
		if !bytes.Equal(o.reply.Data, large) {
			t.Error("the data of a reply changes later")
		}
	})
}

// What a socket does not take at once goes out all the same, and so does what
// comes behind it.
func TestLargeRequestOverTCP(t *testing.T) {
	c, p := dialTCP(t, wire.Info{MaxValueBytes: 24 << 20})
	defer p.conn.Close()
	large := bytes.Repeat([]byte("large"), 4<<20)
	ended := make(chan error, 1)
	go func() {
		_, err := c.Write(t.Context(), 0, wire.Command{Op: wire.OpSet, Session: 1, Seq: 1, Floor: 1, Key: "k", Value: large})
		ended <- err
	}()
	first := p.next()
	if !bytes.Equal(first.Command.Value, large) {
		t.Error("the value arrives changed")
	}
	behind := get(t.Context(), c, "behind")
	for _, r := range []wire.Request{first, p.next()} {
		p.reply(wire.Reply{ID: r.ID})
	}
	if err := errors.Join(<-ended, (<-behind).err); err != nil {
		t.Error(err)
	}
}

func TestGoAwayRetires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{NodeID: "n1"}, Options{})
		inFlight := get(t.Context(), c, "k")
		r := p.next()
		p.send(wire.AppendGoAway(nil, "leaving"))
		<-c.Retired()
		if o := <-get(t.Context(), c, "k"); !errors.Is(o.err, wire.ErrNotSent) || !strings.Contains(o.err.Error(), "n1 is leaving") {
			t.Errorf("%v", o.err)
		}
		p.reply(wire.Reply{ID: r.ID, Data: []byte("still")})
		if o := <-inFlight; o.err != nil || string(o.reply.Data) != "still" {
			t.Errorf("%+v", o)
		}
	})
}

func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{MaxInFlight: 2}, Options{PingInterval: time.Second})
		began := time.Now()
		ended := get(t.Context(), c, "k")
		p.next()
		for range 5 {
			ping := p.next()
			if ping.Kind != wire.RequestPing {
				t.Fatalf("%+v", ping)
			}
			p.reply(wire.Reply{ID: ping.ID})
		}
		if took := time.Since(began); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("5 pings took %v", took)
		}
		p.next()
		if o := <-ended; !errors.Is(o.err, errSilent) {
			t.Errorf("%v", o.err)
		}
	})
}

// A value that takes longer than the watchdog waits, in either direction, is waited for as
// long as its bytes pass.
func TestWatchdogBearsSlowLinks(t *testing.T) {
	large := bytes.Repeat([]byte{'x'}, 40*nbio.PortionBytes)
	o := Options{PingInterval: time.Second}
	t.Run("request", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p, _ := dialPeer(t, wire.Info{MaxValueBytes: 4 << 20}, o)
			ended := make(chan error, 1)
			go func() {
				_, err := c.Write(t.Context(), 0, wire.Command{Op: wire.OpSet, Session: 1, Seq: 1, Floor: 1, Key: "k", Value: large})
				ended <- err
			}()
			p.frames = wire.NewFrameReader(slowReader{p.conn}, 1<<24)
			p.reply(wire.Reply{ID: p.next().ID})
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("reply", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p, _ := dialPeer(t, wire.Info{MaxValueBytes: 4 << 20}, o)
			ended := get(t.Context(), c, "k")
			frame := wire.AppendReply(nil, &wire.Reply{ID: p.next().ID, Data: large})
			go func() { _, _ = io.Copy(io.Discard, p.conn) }() // pings
			for part := range slices.Chunk(frame, nbio.PortionBytes) {
				time.Sleep(900 * time.Millisecond) //nolint:forbidigo // in a bubble
				p.send(part)
			}
			if o := <-ended; o.err != nil {
				t.Error(o.err)
			}
		})
	})
}

// A node whose client's writes wait for room reads no pings. It says that it serves.
func TestWatchdogHearsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{}, Options{PingInterval: time.Second})
		ended := get(t.Context(), c, "k")
		r := p.next()
		for range 20 {
			time.Sleep(900 * time.Millisecond) //nolint:forbidigo // in a bubble
			p.send(wire.AppendAlive(nil))
		}
		p.reply(wire.Reply{ID: r.ID})
		if o := <-ended; o.err != nil {
			t.Error(o.err)
		}
	})
}

// A node that is stuck while its system takes what is sent is given up two intervals after
// the last byte from it, also if requests keep coming.
func TestWatchdogSeesStuckNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{}, Options{PingInterval: time.Second})
		go func() { _, _ = io.Copy(io.Discard, p.conn) }()
		began := time.Now()
		ended := get(t.Context(), c, "first")
		for time.Since(began) < 2*time.Second {
			get(t.Context(), c, "more")
			time.Sleep(100 * time.Millisecond) //nolint:forbidigo // in a bubble
		}
		select {
		case o := <-ended:
			if !errors.Is(o.err, errSilent) {
				t.Errorf("%v", o.err)
			}
		case <-time.After(200 * time.Millisecond):
			t.Error("it is not given up")
		}
	})
}

// A node that says it serves nobody, and leaves a request in flight all the same,
// is given up: its protocol may be stuck while its connections are not.
func TestWatchdogGivesUpWhoDoesNotServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{MaxInFlight: 2}, Options{PingInterval: time.Second})
		ended := get(t.Context(), c, "k")
		p.next()
		p.reply(wire.Reply{ID: p.next().ID, Status: wire.StatusUnavailable})
		if o := <-ended; !errors.Is(o.err, errNotServing) || errors.Is(o.err, wire.ErrNotSent) {
			t.Errorf("%v", o.err)
		}
	})
}

// While nothing is in flight a connection is left alone.
func TestWatchdogRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, counting := dialPeer(t, wire.Info{}, Options{})
		ended := get(t.Context(), c, "k")
		r := p.next()
		p.reply(wire.Reply{ID: r.ID})
		<-ended
		<-time.After(time.Hour)
		if n := counting.writes.Load(); n != 1 {
			t.Errorf("%d writes", n)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.watchdog.running {
			t.Error("the watchdog still runs")
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{}, Options{})
		ended := get(t.Context(), c, "k")
		p.next()
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if o := <-ended; !errors.Is(o.err, errClosed) {
			t.Errorf("%v", o.err)
		}
		if _, _, err := p.frames.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("the other side sees %v", err)
		}
	})
}

func TestDialRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		greet func(net.Conn) error
		want  error
	}{
		"version": {func(c net.Conn) error {
			return wire.WriteHelloReply(c, wire.HelloReply{Status: wire.StatusVersion, Message: "too old"})
		}, wire.ErrVersion},
		"version accepted that we do not speak": {func(c net.Conn) error {
			return wire.WriteHelloReply(c, wire.HelloReply{Version: wire.MaxVersion + 1})
		}, wire.ErrVersion},
		"magic": {func(c net.Conn) error { _, err := c.Write([]byte("SSH-2.0-x\r\n")); return err }, wire.ErrMagic},
		"truncated": {func(c net.Conn) error {
			_, err := c.Write([]byte(wire.Magic + "\xff\x00"))
			return errors.Join(err, c.Close())
		}, io.ErrUnexpectedEOF},
		"too large": {func(c net.Conn) error { _, err := c.Write([]byte(wire.Magic + "\xff\xff\xff\xff")); return err }, wire.ErrFrameTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial := func(context.Context, string, string) (net.Conn, error) {
					here, there := net.Pipe()
					go func() {
						if _, err := wire.ReadHello(there); err != nil {
							t.Error(err)
						}
						// The dialler may hang up before it has read everything.
						_ = tc.greet(there)
					}()
					return here, nil
				}
				if c, err := Dial(t.Context(), "peer:1", Options{DialContext: dial}); !errors.Is(err, tc.want) {
					t.Errorf("%v, %v", c, err)
				}
			})
		})
	}
}

// A server that accepts and says nothing costs no more than the context.
func TestDialWithinContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial := func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, there) }()
			return here, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Dial(ctx, "peer:1", Options{DialContext: dial}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if _, err := Subscribe(ctx, "peer:1", Options{DialContext: dial}, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestAdmin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := dialPeer(t, wire.Info{}, Options{})
		go func() {
			for range 5 {
				r := p.next()
				reply := wire.Reply{ID: r.ID, Position: 41, Version: 42, Data: []byte(`{"id":"n1"}`)}
				if r.Kind == wire.RequestPing {
					reply.Status = wire.StatusUnavailable
				}
				if r.Kind == wire.RequestDigest && r.Position == 9 {
					reply.Version = 43
				}
				p.reply(reply)
			}
		}()
		if s, err := c.Status(t.Context()); err != nil || string(s) != `{"id":"n1"}` {
			t.Errorf("%s, %v", s, err)
		}
		if position, digest, err := c.Audit(t.Context()); err != nil || position != 41 || digest != 42 {
			t.Errorf("%d, %d, %v", position, digest, err)
		}
		if digest, err := c.Digest(t.Context(), 9); err != nil || digest != 43 {
			t.Errorf("%d, %v", digest, err)
		}
		if position, err := c.Barrier(t.Context()); err != nil || position != 41 {
			t.Errorf("%d, %v", position, err)
		}
		if err := c.Ping(t.Context()); err == nil {
			t.Error("a node that does not serve was pinged")
		}
	})
}

func TestSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deliveries := []wire.Delivery{
			{View: 1, Sender: "n1", First: 6, Count: 1, Payload: []byte{byte(wire.OpBarrier)}, Effects: []byte{1}},
			{View: 1, Sender: "n2", First: 7, Count: 1, Payload: []byte{byte(wire.OpBarrier)}, Effects: []byte{0}},
		}
		dial := func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				_, err := wire.ReadHello(there)
				err = errors.Join(err, wire.WriteHelloReply(there, wire.HelloReply{Version: 1}))
				p := &peer{t: t, conn: there, frames: wire.NewFrameReader(there, 1000)}
				r := p.next()
				if err != nil || r.Kind != wire.RequestSubscribe || r.Position != 3 {
					t.Errorf("%+v, %v", r, err)
				}
				p.reply(wire.Reply{ID: r.ID, Position: 5})
				p.send(wire.AppendDelivery(nil, &deliveries[0]))
				p.send(wire.AppendGoAway(nil, "leaving"))
				p.send(wire.AppendDelivery(nil, &deliveries[1]))
				p.reply(wire.Reply{Status: wire.StatusLagged})
			}()
			return here, nil
		}
		s, err := Subscribe(t.Context(), "peer:1", Options{DialContext: dial}, 3)
		if err != nil {
			t.Fatal(err)
		}
		if s.Start() != 5 {
			t.Errorf("the stream begins after %d", s.Start())
		}
		for _, want := range deliveries {
			if d, err := s.Next(); err != nil || fmt.Sprint(d) != fmt.Sprint(want) {
				t.Errorf("%+v, %v", d, err)
			}
		}
		if _, err := s.Next(); !errors.Is(err, ErrLagged) {
			t.Errorf("%v", err)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
}

// A node of an earlier release is not asked for a listing, which would break the
// connection.
func TestListOfAnEarlierRelease(t *testing.T) {
	for _, test := range []struct {
		version uint16
		want    error
	}{{1, ErrNoList}, {wire.VersionList, context.DeadlineExceeded}} {
		synctest.Test(t, func(t *testing.T) {
			c, _, _ := dialPeer(t, wire.Info{NodeID: "n1"}, Options{})
			defer func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}()
			c.version = test.version
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, err := c.List(ctx, wire.ListQuery{}, 0); !errors.Is(err, test.want) {
				t.Errorf("version %d: %v, want %v", test.version, err, test.want)
			}
		})
	}
}

// Nor for its sessions.
func TestSessionsOfAnEarlierRelease(t *testing.T) {
	for _, test := range []struct {
		version uint16
		want    error
	}{{1, ErrNoSessions}, {wire.VersionWatch, ErrNoSessions}, {wire.VersionSessions, context.DeadlineExceeded}} {
		synctest.Test(t, func(t *testing.T) {
			c, _, _ := dialPeer(t, wire.Info{NodeID: "n1"}, Options{})
			defer func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}()
			c.version = test.version
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, _, err := c.Sessions(ctx, wire.SessionsQuery{}, 0); !errors.Is(err, test.want) {
				t.Errorf("version %d: %v, want %v", test.version, err, test.want)
			}
		})
	}
}
