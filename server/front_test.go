package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/evloop"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry"
)

// limitedConn notes the deadlines that were set last, and whether it was closed.
type limitedConn struct {
	net.Conn
	mu         sync.Mutex // guards what follows
	all, write time.Time
	closed     bool
}

func (c *limitedConn) SetDeadline(d time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = d
	return c.Conn.SetDeadline(d)
}

func (c *limitedConn) SetWriteDeadline(d time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = d
	return c.Conn.SetWriteDeadline(d)
}

func (c *limitedConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.Conn.Close()
}

func (c *limitedConn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// pipedClient is a connection to a front that no goroutine reads, and its client.
type pipedClient struct {
	*clientConn
	t      *testing.T
	near   *limitedConn
	client net.Conn
	frames *wire.FrameReader
}

func newPiped(t *testing.T, f *front) *pipedClient {
	near, far := net.Pipe()
	p := &pipedClient{t: t, near: &limitedConn{Conn: near}, client: far, frames: wire.NewFrameReader(far, 1<<20)}
	p.clientConn = newClientConn(f, p.near, nil)
	t.Cleanup(func() { far.Close(); p.close() })
	return p
}

// next returns the next reply that the client gets.
func (p *pipedClient) next() wire.Reply {
	p.t.Helper()
	kind, body, err := p.frames.Next()
	if err != nil || kind != wire.FrameReply {
		p.t.Fatalf("frame of kind %d, %v", kind, err)
	}
	reply, err := wire.DecodeReply(body)
	if err != nil {
		p.t.Fatal(err)
	}
	return reply
}

// A node without a view answers no request, whatever its kind, and counts each as answered.
func TestRequestsWithoutAView(t *testing.T) {
	h := newLone(t, Config{})
	p := newPiped(t, h.front)
	p.stale = true
	for kind := wire.RequestGet; kind <= wire.RequestList; kind++ {
		p.inFlight.Add(1)
		p.take(&wire.Request{ID: uint64(kind), Kind: kind, Command: wire.Command{Op: wire.OpSet}})
	}
	p.flushReplies()
	for kind := wire.RequestGet; kind <= wire.RequestList; kind++ {
		if reply := p.next(); reply.ID != uint64(kind) || reply.Status != wire.StatusUnavailable {
			t.Errorf("request of kind %d: %+v", kind, reply)
		}
	}
	if p.inFlight.Load() != 0 || len(p.writes) != 0 {
		t.Errorf("%d in flight, %d writes", p.inFlight.Load(), len(p.writes))
	}
}

// A key, or a query, that is longer than any that is allowed is refused before anything is kept.
func TestKeysTooLong(t *testing.T) {
	h := newLone(t, Config{}) // without a view, it refuses all others
	p := newPiped(t, h.front)
	for _, tc := range []struct {
		kind  wire.RequestKind
		bytes int
		want  wire.Status
	}{
		{wire.RequestGet, wire.MaxKeyBytes, wire.StatusUnavailable},
		{wire.RequestGet, wire.MaxKeyBytes + 1, wire.StatusBadRequest},
		{wire.RequestGetStrong, wire.MaxKeyBytes + 1, wire.StatusBadRequest},
		{wire.RequestScan, wire.MaxQueryBytes, wire.StatusUnavailable},
		{wire.RequestScan, wire.MaxQueryBytes + 1, wire.StatusBadRequest},
		{wire.RequestList, wire.MaxQueryBytes + 1, wire.StatusBadRequest},
		{wire.RequestSessions, wire.MaxQueryBytes + 1, wire.StatusBadRequest},
		{wire.RequestWatch, wire.MaxQueryBytes + 1, wire.StatusBadRequest},
		{wire.RequestCredit, wire.MaxQueryBytes + 1, wire.StatusBadRequest},
	} {
		p.inFlight.Add(1)
		p.parks = false
		p.take(&wire.Request{ID: 1, Kind: tc.kind, Key: strings.Repeat("k", tc.bytes), Position: 9})
		p.flushReplies()
		if reply := p.next(); reply.Status != tc.want {
			t.Errorf("request of kind %d with a key of %d bytes: %+v", tc.kind, tc.bytes, reply)
		}
		if p.parks || p.inFlight.Load() != 0 {
			t.Errorf("request of kind %d: it is parked: %v, %d in flight", tc.kind, p.parks, p.inFlight.Load())
		}
	}
}

// A frame that is too long for its kind is refused when it begins to come, and is not kept. What
// came for nothing counts for a while, so that its client waits. Then it goes on.
func TestLongFrames(t *testing.T) {
	h := newLone(t, Config{})
	p := newPiped(t, h.front)
	p.refused.Store(1) // the timer is under way
	const ping = 7
	b := wire.AppendRequest(nil, &wire.Request{ID: 6, Kind: wire.RequestGet, Key: strings.Repeat("k", 1<<20), Position: 9})
	b = wire.AppendRequest(b, &wire.Request{ID: ping, Kind: wire.RequestPing})
	go func() { _, _ = p.client.Write(b) }() // what is answered has come
	if err := p.burst(); err != nil {
		t.Fatal(err)
	}
	if calls := p.calls.Load(); calls < maxCalls || !p.tooFarBehind() || p.refused.Load() != 1+calls || p.kept() != 0 {
		t.Errorf("%d calls, %d of them refused, %d bytes kept", calls, p.refused.Load(), p.kept())
	}
	p.flushReplies()
	if reply := p.next(); reply.ID != 6 || reply.Status != wire.StatusBadRequest || p.inFlight.Load() != 0 {
		t.Errorf("%+v, %d in flight", reply, p.inFlight.Load())
	}
	if err := p.burst(); err != nil {
		t.Fatal(err)
	}
	p.flushReplies()
	if reply := p.next(); reply.ID != ping {
		t.Errorf("%+v", reply)
	}
}

// full is a connection on which a large frame has come.
type full struct {
	net.Conn
	frame []byte
	read  int
}

func (c *full) Read(b []byte) (int, error) {
	if c.read == len(c.frame) {
		return 0, evloop.ErrWouldBlock
	}
	n := copy(b, c.frame[c.read:])
	c.read += n
	return n, nil
}

// A loop reads no more of a connection at a time than its share. Only within a frame its time is
// limited, also within one that is dropped.
func TestVisitsOfALoop(t *testing.T) {
	large := wire.Command{Op: wire.OpSet, Key: "k", Value: make([]byte, 1<<20)}
	for name, request := range map[string]wire.Request{
		"taken":   {ID: 1, Kind: wire.RequestWrite, Command: large},
		"dropped": {ID: 1, Kind: wire.RequestGet, Key: string(large.Value)},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			defer far.Close()
			conn := &full{Conn: near, frame: wire.AppendRequest(nil, &request)}
			c := newClientConn(newLone(t, Config{}).front, conn, nil)
			defer c.close()
			c.looped = true
			for conn.read < len(conn.frame) {
				before := conn.read
				waits, err := c.loopBurst()
				if n := conn.read - before; err != nil || n == 0 || n > visitBytes {
					t.Fatalf("a visit reads %d bytes; %v", n, err)
				}
				if conn.read < len(conn.frame) && !waits && (!c.limited || c.began.IsZero()) {
					t.Fatalf("the frame of which %d bytes have come may take any time", conn.read)
				}
			}
			if c.limited || !c.began.IsZero() {
				t.Error("the time is limited, and no frame has begun")
			}
		})
	}
}

// As many requests may be in flight as the settings say, and no more.
func TestMostInFlight(t *testing.T) {
	h := newLone(t, Config{MaxInFlight: 2})
	p := newPiped(t, h.front)
	for _, before := range []int64{1, 2} {
		p.inFlight.Store(before)
		sent := make(chan error, 1)
		go func() {
			_, err := p.client.Write(wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestPing}))
			sent <- err
		}()
		err := p.burst()
		if (err == nil) != (before == 1) {
			t.Errorf("one more than %d: %v", before, err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
}

// A node that has ended refuses what its clients still send.
func TestRequestsAfterTheEnd(t *testing.T) {
	h := newLone(t, Config{})
	p := newPiped(t, h.front)
	h.post(func(m *member.Member) { m.Fail(ErrClosed) })
	<-h.ended
	p.inFlight.Store(4)
	p.writes = append(p.writes, clientWrite{id: 1, raw: []byte{1}}, clientWrite{id: 2, raw: []byte{1}})
	p.submitWrites()
	p.hand(p.parked(&wire.Request{ID: 3}), func(*member.Member, *member.Read) { t.Error("called after the end") })
	p.f.statuses.ask(p.clientConn, 4)
	p.flushReplies()
	for id := range uint64(4) {
		if reply := p.next(); reply.ID != id+1 || reply.Status != wire.StatusUnavailable {
			t.Errorf("%+v", reply)
		}
	}
	if p.inFlight.Load() != 0 || len(p.writes) != 0 {
		t.Errorf("%d in flight, %d writes", p.inFlight.Load(), len(p.writes))
	}
	p.underWay.Store(maxUnderWay)
	if p.awaitRoom(nil) {
		t.Error("there is room")
	}
	p.calls.Store(maxCalls)
	p.awaitCalls()
}

// A leaving node takes no new writes, whichever way they come.
func TestWritesWhileLeaving(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.start("n1", nil)
	conn := g.connect("n1")
	r := g.nodes["n1"].current.Load()
	p := newPiped(t, r.front)
	set := wire.Command{Op: wire.OpSet, Session: 1, Seq: 1, Floor: 1, Key: "k"}
	r.do(func(m *member.Member) {
		m.Leave(false)
		defer m.Stay()
		if reply, err := conn.Write(ended(t), 0, set); err != nil || reply.Status != wire.StatusUnavailable {
			t.Errorf("Write: %+v, %v", reply, err)
		}
		if taken, err := conn.Submit(ended(t), []wire.Submission{{Command: set}}, settled(nil)); taken != 0 || !errors.Is(err, wire.ErrNotSent) {
			t.Errorf("Submit: %d, %v", taken, err)
		}
		p.take(&wire.Request{ID: 1, Kind: wire.RequestWrite, Command: set})
	})
	p.flushReplies()
	if reply := p.next(); reply.Status != wire.StatusUnavailable || len(p.writes) != 0 {
		t.Errorf("over the network: %+v, %d taken", reply, len(p.writes))
	}
}

// The answer to a request that the turn sees to goes out with the turn.
func TestAnswersGoOutWithTheTurn(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour})
	g.start("n1", nil)
	r := g.nodes["n1"].current.Load()
	p := newPiped(t, r.front)
	for _, kind := range []wire.RequestKind{wire.RequestStatus, wire.RequestBarrier, wire.RequestDigest, wire.RequestGetStrong} {
		p.inFlight.Add(1)
		r.do(func(*member.Member) { p.take(&wire.Request{ID: uint64(kind), Kind: kind, Key: "k"}) })
		if reply := p.next(); reply.ID != uint64(kind) {
			t.Errorf("request of kind %d: %+v", kind, reply)
		}
	}
	eventually(t, "none is in flight", func() bool { return p.inFlight.Load() == 0 })
}

// The bytes of a client's writes that are under way are bounded, and one is always taken.
func TestRoomOfAClient(t *testing.T) {
	c := &clientConn{room: make(chan struct{}, 1)}
	for _, tc := range []struct {
		underWay int64
		size     int
		want     bool
	}{
		{0, 2 * maxUnderWay, true},
		{1, maxUnderWay, false},
		{maxUnderWay - chargeOf(10), 10, true},
		{maxUnderWay - chargeOf(10), 11, false},
	} {
		c.underWay.Store(tc.underWay)
		if got := c.hasRoom(make([]byte, tc.size)); got != tc.want {
			t.Errorf("%d bytes beside %d: %v", tc.size, tc.underWay, got)
		}
	}
	c.underWay.Store(chargeOf(10) + chargeOf(20))
	c.answered(10)
	c.answered(20) // though nobody has looked
	if c.underWay.Load() != 0 || len(c.room) != 1 {
		t.Errorf("%d bytes are under way, %d signals", c.underWay.Load(), len(c.room))
	}
}

// An answer to a write makes room, one to a read does not.
func TestAnswersMakeRoom(t *testing.T) {
	h := newLone(t, Config{})
	p := newPiped(t, h.front)
	p.underWay.Store(chargeOf(10))
	p.inFlight.Store(2)
	h.do(func(*member.Member) {
		p.Answer(7, 0, &wire.Reply{})
		if got := p.underWay.Load(); got != chargeOf(10) {
			t.Errorf("after the read, %d bytes are under way", got)
		}
		p.Answer(8, 10, &wire.Reply{})
		if p.underWay.Load() != 0 || p.inFlight.Load() != 0 {
			t.Errorf("%d bytes are under way, %d requests in flight", p.underWay.Load(), p.inFlight.Load())
		}
	})
	for id := range uint64(2) {
		if reply := p.next(); reply.ID != id+7 {
			t.Errorf("%+v", reply)
		}
	}
}

// A read that waits keeps nothing of the reader's buffer, and has its time.
func TestParkedReadKeepsNoBuffer(t *testing.T) {
	h := newLone(t, Config{})
	p := newPiped(t, h.front)
	for timeout, want := range map[time.Duration]time.Duration{0: member.DefaultTimeout, -1: member.DefaultTimeout, time.Second: time.Second} {
		frame := wire.AppendRequest(nil, &wire.Request{ID: 4, Kind: wire.RequestGet, Key: "key", Position: 9})
		req, err := wire.DecodeRequest(frame[wire.HeaderBytes+1:])
		if err != nil {
			t.Fatal(err)
		}
		req.Timeout = timeout
		before := h.reader.Clock().Steady()
		read := p.parked(&req)
		after := h.reader.Clock().Steady()
		clear(frame)
		if read.Key != "key" || read.Position != 9 || read.Tag != 4 || read.Waiter != p.clientConn || !p.parks {
			t.Errorf("%+v", read)
		}
		if read.Deadline < before+want || read.Deadline > after+want {
			t.Errorf("with a timeout of %v it ends at %v, it is %v", timeout, read.Deadline, after)
		}
	}
}

// A connection that was given up stays so: its reader ends, and nothing is kept for it.
func TestFailedConn(t *testing.T) {
	h := newLone(t, Config{})
	p := newPiped(t, h.front)
	broken := errors.New("broken")
	p.mu.Lock()
	p.failLocked(broken)
	p.mu.Unlock()
	if d := p.near.all; d.IsZero() || d.After(time.Now()) {
		t.Errorf("the reader goes on until %v", d)
	}
	for _, set := range []bool{false, true} {
		if err := p.limitRead(set); !errors.Is(err, broken) {
			t.Errorf("another limit: %v", err)
		}
	}
	p.reply(&wire.Reply{})
	p.goAway("soon")
	if n := len(p.out.Buffer()); n != 0 {
		t.Errorf("%d bytes wait", n)
	}
	if p.startStream(newFeed(p.near, &h.front.deliveries)) {
		t.Error("a stream begins")
	}
}

// What goes out on a connection that has become a stream wakes the stream's writer.
func TestStreamIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLone(t, Config{})
		p := newPiped(t, h.front)
		f := newFeed(p.near, &h.front.deliveries)
		if !p.startStream(f) || p.startStream(f) || !p.tooFarBehind() {
			t.Error("it is to be a stream, once")
		}
		for kind, out := range map[byte]func(){
			wire.FrameReply:  func() { p.reply(&wire.Reply{ID: 1}) },
			wire.FrameGoAway: func() { p.goAway("soon") },
		} {
			taken := make(chan []byte)
			go func() {
				b, _ := f.Take(nil, true)
				taken <- b
			}()
			synctest.Wait()
			out()
			if b := <-taken; b[wire.HeaderBytes] != kind {
				t.Errorf("a frame of kind %d, not %d", b[wire.HeaderBytes], kind)
			}
		}
		if n := len(p.out.Buffer()); n != 0 {
			t.Errorf("%d bytes wait elsewhere", n)
		}
	})
}

// The end of the front closes its connections, and lets those that read the deliveries
// have the last ones, for a moment.
func TestFrontCloses(t *testing.T) {
	h := newLone(t, Config{})
	plain, streams, late := newPiped(t, h.front), newPiped(t, h.front), newPiped(t, h.front)
	f := newFeed(streams.near, &h.front.deliveries)
	streams.startStream(f)
	for _, p := range []*pipedClient{plain, streams} {
		if !h.front.clients.add(p.clientConn) {
			t.Fatal("not added")
		}
	}
	h.front.close()
	if !plain.isClosed() || !errors.Is(plain.err, net.ErrClosed) {
		t.Errorf("a client is closed: %v, %v", plain.isClosed(), plain.err)
	}
	if d := streams.near.write; streams.isClosed() || d.IsZero() || d.After(time.Now().Add(streamGrace)) {
		t.Errorf("a stream is closed: %v, it may write until %v", streams.isClosed(), d)
	}
	if h.front.clients.add(late.clientConn) {
		t.Error("another is added")
	}
	streams.close()
	if ended, _ := f.standing(); !ended || !streams.isClosed() {
		t.Error("the stream goes on")
	}
}

func (p *pipedClient) isClosed() bool { return p.near.isClosed() }

func TestClientSet(t *testing.T) {
	var s clientSet
	one, two := new(clientConn), new(clientConn)
	if s.remove(one); !s.add(one) || !s.add(two) || s.len() != 2 || len(s.all(false)) != 2 {
		t.Errorf("%d of two", s.len())
	}
	if s.remove(one); s.len() != 1 || !s.add(one) {
		t.Errorf("%d of one", s.len())
	}
	if all := s.all(true); len(all) != 2 || s.add(new(clientConn)) || len(s.all(false)) != 2 {
		t.Errorf("%d in the end", len(all))
	}
}

// Those furthest behind with their replies are cut off, and each time anew.
func TestWhichClientIsCut(t *testing.T) {
	h := newLone(t, Config{MaxUnreadBytes: 1000})
	var all []*pipedClient
	add := func(bytes int) {
		p := newPiped(t, h.front)
		all = append(all, p)
		h.front.clients.add(p.clientConn)
		p.reply(&wire.Reply{Data: make([]byte, bytes)})
		p.flushReplies()
	}
	check := func(want ...bool) {
		t.Helper()
		for i, p := range all {
			if p.isClosed() != want[i] {
				t.Errorf("of %d, number %d is cut off: %v", len(all), i, !want[i])
			}
		}
		if n := h.front.memory.Load(); n > 1000 {
			t.Errorf("%d bytes wait", n)
		}
	}
	add(400)
	add(500)
	check(false, false)
	add(300)
	check(false, true, false)
	add(450)
	check(false, true, false, true)
}

// A node serves a bounded number of readers of its deliveries.
func TestMostFeeds(t *testing.T) {
	h := newLone(t, Config{})
	p := newPiped(t, h.front)
	h.do(func(m *member.Member) {
		for range maxFeeds {
			h.front.addFeed(m, newFeed(p.near, &h.front.deliveries))
		}
		p.subscribe(m, 5)
	})
	if reply := p.next(); reply.ID != 5 || reply.Status != wire.StatusUnavailable || !strings.Contains(string(reply.Data), "as many readers") {
		t.Errorf("one more: %+v", reply)
	}
	h.do(func(m *member.Member) {
		if p.streaming.Load() || len(h.front.feeds) != maxFeeds {
			t.Errorf("%d feeds", len(h.front.feeds))
		}
		h.front.feeds = h.front.feeds[1:]
		p.subscribe(m, 6)
		if !p.streaming.Load() || len(h.front.feeds) != maxFeeds {
			t.Errorf("%d feeds", len(h.front.feeds))
		}
	})
	if reply := p.next(); reply.ID != 6 || reply.Status != wire.StatusOK {
		t.Errorf("one that has room: %+v", reply)
	}
	// One that does not read keeps nobody out.
	q := newPiped(t, h.front)
	h.do(func(m *member.Member) {
		idle := h.front.feeds[7]
		idle.addFrame(tenBytes)
		q.subscribe(m, 7)
		if ended, _ := idle.standing(); !ended || !q.streaming.Load() || len(h.front.feeds) != maxFeeds || slices.Contains(h.front.feeds, idle) {
			t.Errorf("it has ended: %v; %d feeds", ended, len(h.front.feeds))
		}
	})
	if reply := q.next(); reply.ID != 7 || reply.Status != wire.StatusOK {
		t.Errorf("in place of one that does not read: %+v", reply)
	}
}

// A delivery is encoded once for all clients; each has all of it, with its own frames
// between. A joiner has its own.
func TestFeedsShareDeliveries(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	for _, payload := range []int{0, feedChunkBytes / 8, 1 << 20} {
		f := &front{cfg: &Config{}}
		for range 3 {
			f.feeds = append(f.feeds, newFeed(near, &f.deliveries))
		}
		f.joiners = []*feed{newFeed(near, new(feedLog))}
		d := wire.Delivery{Sender: "n1", First: 7, Count: 1, Payload: make([]byte, payload), Effects: []byte{1}}
		want := wire.AppendDelivery(nil, &d)
		f.delivered(&d)
		var before []byte
		for i, feed := range slices.Concat(f.feeds, f.joiners) {
			feed.addFrame(tenBytes)
			first, err := feed.Take(nil, false)
			if err != nil || !bytes.Equal(first, want) || feed.Waiting() != 10 {
				t.Fatalf("payload %d: %d bytes, %v", payload, len(first), err)
			}
			if i > 0 && (&before[0] == &first[0]) != (i < len(f.feeds)) {
				t.Errorf("payload %d: feed %d shares it, or does not", payload, i)
			}
			before = first
			if own, err := feed.Take(first, false); err != nil || !bytes.Equal(own, tenBytes(nil)) {
				t.Errorf("payload %d: then %d bytes, %v", payload, len(own), err)
			}
		}
	}
}

// A joiner's feed ends when it has become a member; others go on.
func TestFeedsOfMembersEnd(t *testing.T) {
	h := newLone(t, Config{})
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	h.do(func(*member.Member) {
		for joiner, want := range []error{nil, member.ErrMemberNow, nil} {
			f := newFeed(near, new(feedLog))
			f.joiner = uint64(joiner)
			h.front.joiners = []*feed{f, newFeed(near, new(feedLog))}
			h.front.entered(&member.Entered{View: isis.View{Members: []isis.MemberID{{ID: "a", Incarnation: 9}, {ID: "b", Incarnation: 1}}}})
			if err := f.awaitBelow(0); !errors.Is(err, want) {
				t.Errorf("joiner %d: %v", joiner, err)
			}
		}
		h.front.joiners = nil
	})
}

// The writer of a stream lets out what was replied before, and closes the connection in
// the end. One that was cut off is told.
func TestPump(t *testing.T) {
	h := newLone(t, Config{})
	for name, end := range map[string]func(*feed){
		"closed": func(f *feed) { f.close(io.EOF) },
		"cut":    func(f *feed) { f.cut() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPiped(t, h.front)
			f := newFeed(p.near, &h.front.deliveries)
			p.reply(&wire.Reply{ID: 1})
			p.startStream(f)
			p.reply(&wire.Reply{ID: 2})
			end(f)
			ended := make(chan error, 1)
			go func() { ended <- p.pump(f) }()
			if reply := p.next(); reply.ID != 1 {
				t.Errorf("the first: %+v", reply)
			}
			reply, want := p.next(), io.EOF
			if name == "cut" {
				want = member.ErrLagged
				if reply.Status != wire.StatusLagged || string(reply.Data) == "" {
					t.Errorf("the last: %+v", reply)
				}
			} else if reply.ID != 2 {
				t.Errorf("the second: %+v", reply)
			}
			if _, _, err := p.frames.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("then: %v", err)
			}
			if err := <-ended; !errors.Is(err, want) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
	t.Run("gone", func(t *testing.T) {
		p := newPiped(t, h.front)
		f := newFeed(p.near, &h.front.deliveries)
		p.startStream(f)
		p.reply(&wire.Reply{ID: 1})
		if err := p.client.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.pump(f); err == nil {
			t.Error("it has written to nobody")
		}
		if ended, _ := f.standing(); !ended || !p.isClosed() {
			t.Error("the feed goes on")
		}
	})
}

// A connection that has gone before a loop can read it is closed.
func TestLoopOfAConnThatHasGone(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	n := g.start("n1", func(c *Config) { c.EventLoop = true })
	r := n.current.Load()
	if len(r.loops) == 0 {
		if _, err := evloop.New(func() {}, func() {}); !errors.Is(err, evloop.ErrUnsupported) {
			t.Fatal("the node has no loop")
		}
		t.Skip("there are no loops here")
	}
	if r.linkLoop() != r.loops[0] {
		t.Error("the links have another loop than the first")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got := n.loopConn(r, conn); got != nil { // it is not in the set of the node's
		t.Errorf("a loop reads %v", got.RemoteAddr())
	}
	if err := client.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	ends(t, client)
}
