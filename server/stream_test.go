package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/seed-8247e700/dsm/internal/member"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// subscribe has a node's deliveries streamed.
func (g *group) subscribe(id string) *driverside.Subscription {
	g.t.Helper()
	s, err := driverside.Subscribe(g.t.Context(), g.nodes[id].Addr(), driverside.Options{}, 0)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			g.t.Error(err)
		}
	})
	return s
}

// A stream has every delivery from its start on, in order, the last ones of a
// node that leaves, too.
func TestStream(t *testing.T) {
	t.Run("read by a goroutine", func(t *testing.T) { testStream(t, "n2", "n1") })
	t.Run("read by a loop", func(t *testing.T) { testStream(t, "n1", "n2") })
}

func testStream(t *testing.T, streams, other string) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client(other)
	c.set("k", "before")
	c.get(g.connect(streams), "k")
	s := g.subscribe(streams)
	if s.Start() < c.seen {
		t.Errorf("starts at %d, %d was delivered before", s.Start(), c.seen)
	}
	l := g.load(4)
	l.goesOn()
	log := g.logs[streams]
	next := s.Start() + 1
	read := func() error {
		d, err := s.Next()
		if err != nil {
			return err
		}
		want := log.await(t, d.First) // the stream may be first
		if d.First != next || d.Sender != want.Sender || d.Incarnation != want.Incarnation || d.View != want.View ||
			d.Seq != want.Seq || d.Count != want.Count || !bytes.Equal(d.Payload, want.Payload) || !bytes.Equal(d.Effects, want.Effects) {
			return fmt.Errorf("the stream has %+v at %d, OnDeliver had %+v", d, next, want)
		}
		next += uint64(d.Count)
		return nil
	}
	for range 1000 {
		if err := read(); err != nil {
			t.Fatal(err)
		}
	}
	l.goesOn()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		g.close(streams)
	}()
	var err error
	for err == nil {
		err = read()
	}
	<-closed
	if !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
	if next != log.position+1 {
		t.Errorf("the stream ended before position %d, the node at %d", next, log.position)
	}
	l.goesOn()
	l.stop()
}

// A reader that falls too far behind is cut off, and told so; nobody else
// notices.
func TestStreamLags(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", func(c *Config) { c.MaxLagBytes = 1 << 20 })
	slow, quick := g.subscribe("n1"), g.subscribe("n1")
	seen := make(chan uint64, 1)
	go func() {
		defer close(seen)
		for {
			d, err := quick.Next()
			if err != nil {
				return
			}
			seen <- d.First + uint64(d.Count) - 1
		}
	}()
	c := g.client("n1")
	value := string(make([]byte, 64<<10))
	r := g.nodes["n1"].current.Load()
	last := uint64(0)
	eventually(t, "the slow one lags", func() bool {
		c.set("k", value)
		for ok := true; ok && last < c.seen; { // so the quick one is never behind by more than two
			last, ok = <-seen
		}
		feeds := 0
		r.do(func(*member.Member) { feeds = len(r.front.feeds) })
		return feeds == 1
	})
	c.set("k", "small")
	next := slow.Start() + 1
	for {
		d, err := slow.Next()
		if errors.Is(err, driverside.ErrLagged) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if d.First != next {
			t.Fatalf("the stream has position %d, wanted %d", d.First, next)
		}
		next = d.First + uint64(d.Count)
	}
	if got := c.get(g.dial("n1"), "k"); got != "small" {
		t.Errorf("read %q", got)
	}
	g.close("n1")
	for at := range seen {
		last = at
	}
	if last < c.seen {
		t.Errorf("the quick one saw %d, %d was delivered", last, c.seen)
	}
}

// However many readers stop reading, what waits for them is bounded together.
func TestStreamsShareTheirBound(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	const limit, value = 2 << 20, 256 << 10
	g.start("n1", func(c *Config) { c.MaxLagBytes = limit })
	for range 6 {
		g.subscribe("n1")
	}
	c := g.client("n1")
	r := g.nodes["n1"].current.Load()
	feeds, most := 6, 0
	for feeds > 0 {
		c.set("k", string(make([]byte, value)))
		r.do(func(*member.Member) {
			feeds, most = len(r.front.feeds), max(most, r.front.deliveries.held())
		})
	}
	if most > limit {
		t.Errorf("%d bytes waited for readers, the limit is %d", most, limit)
	}
	if most < limit/2 {
		t.Errorf("%d bytes waited for readers at most: the test shows nothing", most)
	}
}

// A second subscription on a connection is refused, whatever else it is for is
// answered through the stream.
func TestStreamCarriesReplies(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	conn, frames := g.raw("n1")
	request := wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestSubscribe})
	request = wire.AppendRequest(request, &wire.Request{ID: 2, Kind: wire.RequestSubscribe})
	request = wire.AppendRequest(request, &wire.Request{ID: 3, Kind: wire.RequestGetStrong, Key: "k"})
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	want := map[uint64]wire.Status{1: wire.StatusOK, 2: wire.StatusBadRequest, 3: wire.StatusNotFound}
	for len(want) > 0 {
		kind, body, err := frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		if kind == wire.FrameDelivery {
			continue
		}
		reply, err := wire.DecodeReply(body)
		if err != nil || reply.Status != want[reply.ID] {
			t.Errorf("%+v, %v", reply, err)
		}
		delete(want, reply.ID)
	}
}

func TestDigests(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(3)
	c := g.client("n1")
	for i := range 50 {
		c.set(fmt.Sprint(i), fmt.Sprint(i))
	}
	g.sameDigests()
	conn := g.dial("n2")
	if _, err := conn.Digest(t.Context(), 1); err == nil {
		t.Error("a digest at a position without an audit")
	}
}
