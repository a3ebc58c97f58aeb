package client

import (
	"errors"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

func newTestCall() *call { return &call{done: make(chan struct{}, 1)} }

// A caller that gives up when its reply has just come takes nothing away from
// the request that has its slot now.
func TestAbandonAfterReply(t *testing.T) {
	s := slots{limit: 1}
	first, second := newTestCall(), newTestCall()
	if !s.finish(&wire.Reply{ID: s.take(first), Version: 1}, nil) {
		t.Fatal("the first reply finds nobody")
	}
	id := s.take(second)
	if s.abandon(first) {
		t.Error("the first call was given up although its reply has come")
	}
	if !s.finish(&wire.Reply{ID: id, Version: 2}, nil) || len(second.done) != 1 || second.reply.Version != 2 {
		t.Errorf("the second call: %+v", second)
	}
	if s.finish(&wire.Reply{ID: id}, nil) {
		t.Error("a second reply to the same request was taken")
	}
}

// The reply to a call that was given up is dropped: another request may use the call by
// then.
func TestReplyAfterAbandon(t *testing.T) {
	s := slots{limit: 1}
	c := newTestCall()
	id := s.take(c)
	if !s.abandon(c) {
		t.Fatal("the call has no slot")
	}
	if !s.finish(&wire.Reply{ID: id, Version: 1}, nil) || !s.available() {
		t.Error("the reply does not free the slot")
	}
	if len(c.done) != 0 || c.reply.Version != 0 {
		t.Error("the call got the reply")
	}
}

// When a connection fails, requests of batches that nobody began to write were
// not sent.
func TestFailAllTellsWhatWasSent(t *testing.T) {
	s := slots{limit: 3}
	cause := errors.New("broken")
	calls := []*call{newTestCall(), newTestCall(), newTestCall()}
	for i, c := range calls {
		s.take(c)
		c.batch = uint64(i + 1)
	}
	turn := s.queue()
	s.failAll(cause, 2, nil)
	for i, c := range calls {
		if len(c.done) != 1 || !errors.Is(c.err, cause) || errors.Is(c.err, wire.ErrNotSent) != (i == 2) {
			t.Errorf("call %d: %v", i, c.err)
		}
		if s.abandon(c) {
			t.Errorf("call %d can still be given up", i)
		}
	}
	<-turn
}

// A caller that gives up when a slot has just come free for it leaves the slot to the
// next one that waits.
func TestLeaveAfterTurn(t *testing.T) {
	s := slots{limit: 1}
	id := s.take(newTestCall())
	first, second := s.queue(), s.queue()
	if !s.finish(&wire.Reply{ID: id}, nil) {
		t.Fatal("the reply finds nobody")
	}
	<-first
	s.leave(first)
	select {
	case <-second:
	default:
		t.Error("the next caller is not woken, and a slot is free")
	}
}
