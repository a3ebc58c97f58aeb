package client

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// sink keeps outcomes, and says when there are some.
type sink struct {
	mu       sync.Mutex
	outcomes []wire.Outcome
	calls    int
	told     chan struct{}
}

func newSink() *sink { return &sink{told: make(chan struct{}, 1)} }

func (s *sink) Settle(outcomes []wire.Outcome) {
	s.mu.Lock()
	s.outcomes = append(s.outcomes, outcomes...)
	s.calls++
	s.mu.Unlock()
	select {
	case s.told <- struct{}{}:
	default:
	}
}

// take waits for n outcomes.
func (s *sink) take(n int) []wire.Outcome {
	for {
		s.mu.Lock()
		have := slices.Clone(s.outcomes)
		s.mu.Unlock()
		if len(have) >= n {
			return have
		}
		<-s.told
	}
}

func submissions(first uint64, n int) []wire.Submission {
	list := make([]wire.Submission, n)
	for i := range list {
		list[i] = wire.Submission{Tag: first + uint64(i), Command: wire.Command{
			Op: wire.OpSet, Session: 1, Seq: first + uint64(i), Floor: 1, Key: "k", Value: []byte("value"),
		}}
	}
	return list
}

// What is submitted at once is written at once, in order, and settled at once.
func TestSubmit(t *testing.T) {
	c, p, counting := dialPeer(t, wire.Info{MaxInFlight: 1000}, Options{})
	s := newSink()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		var replies []byte
		for seq := uint64(1); seq <= 100; seq++ {
			r := p.next()
			if r.Command.Seq != seq {
				t.Errorf("request %d is write %d", seq, r.Command.Seq)
			}
			replies = wire.AppendReply(replies, &wire.Reply{ID: r.ID, Position: 1000 + seq})
		}
		p.send(replies)
	}()
	if taken, err := c.Submit(t.Context(), submissions(1, 100), s); taken != 100 || err != nil {
		t.Fatal(taken, err)
	}
	<-answered
	for i, o := range s.take(100) {
		if o.Tag != uint64(i+1) || o.Reply.Position != 1000+o.Tag || o.Err != nil {
			t.Errorf("outcome %d: %+v", i, o)
		}
	}
	if n := counting.writes.Load(); n != 1 {
		t.Errorf("%d write calls for a batch", n)
	}
}

// An eighth of the slots is left to callers that wait.
func TestSubmitLeavesRoom(t *testing.T) {
	c, p, _ := dialPeer(t, wire.Info{MaxInFlight: 81}, Options{})
	go func() {
		for range 70 {
			p.next()
		}
		r := p.next()
		if r.Kind != wire.RequestGet {
			t.Errorf("a request of kind %d, want the read", r.Kind)
		}
		p.reply(wire.Reply{ID: r.ID, Version: 1})
	}()
	s := newSink()
	if taken, err := c.Submit(t.Context(), submissions(1, 100), s); taken != 70 || err != nil {
		t.Fatal(taken, err)
	}
	if taken, err := c.Submit(t.Context(), submissions(71, 30), s); taken != 0 || err != nil {
		t.Fatal(taken, err)
	}
	if got := <-get(t.Context(), c, "k"); got.err != nil {
		t.Error(got.err)
	}
}

// When the connection ends, each write has one outcome, which tells what is known
// not to have been sent; and nothing more is taken.
func TestSubmitOnBrokenConnection(t *testing.T) {
	c, p, _ := dialPeer(t, wire.Info{MaxInFlight: 1000}, Options{})
	s := newSink()
	go func() {
		for range 10 {
			p.next()
		}
		if err := p.conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	if taken, err := c.Submit(t.Context(), submissions(1, 10), s); taken != 10 || err != nil {
		t.Fatal(taken, err)
	}
	for i, o := range s.take(10) {
		if o.Tag != uint64(i+1) || o.Err == nil || errors.Is(o.Err, wire.ErrNotSent) {
			t.Errorf("outcome %d: %+v", i, o)
		}
	}
	if taken, err := c.Submit(t.Context(), submissions(11, 10), s); taken != 0 || !errors.Is(err, wire.ErrNotSent) {
		t.Error(taken, err)
	}
}
