package member

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

func TestReplyOf(t *testing.T) {
	got := replyOf(&wire.Result{Status: wire.StatusConflict, Position: 1, Version: 2, Number: 3})
	if got.Status != wire.StatusConflict || got.Position != 1 || got.Version != 2 || got.Number != 3 || got.ID != 0 || got.Data != nil {
		t.Errorf("%+v", got)
	}
}

// Nobody hears of what a zero Ticket waits for.
func TestNobodyIsAnswered(t *testing.T) {
	n := newGroup(t, 1).node("n1")
	n.do(func(m *Member) {
		m.Answer(Ticket{Tag: 1}, wire.Reply{})
		m.answer(Ticket{}, 3, wire.Reply{})
	})
	var c client
	n.do(func(m *Member) { m.Answer(Ticket{Waiter: &c, Tag: 9}, wire.Reply{Position: 4}) })
	if len(c.got) != 1 || c.got[0].tag != 9 || c.got[0].size != 0 || c.got[0].reply.Position != 4 {
		t.Errorf("%+v", c.got)
	}
}

// Whoever waits comes out in order, also when the ring has grown while it was turned, and
// nobody is kept that has gone.
func TestRingOfWaiters(t *testing.T) {
	var w waiters
	var c client
	push := func(tag uint64) {
		w.Push(pendingCommand{Ticket: Ticket{Waiter: &c, Tag: tag}, size: int(tag), since: time.Duration(tag)})
	}
	pop := func(want uint64) {
		t.Helper()
		if p, ok := w.take(); !ok || p.Tag != want || p.size != int(want) || p.since != time.Duration(want) {
			t.Fatalf("%+v, %v comes, want %d", p, ok, want)
		}
	}
	next := uint64(1)
	for range 40 {
		push(next)
		next++
	}
	for tag := range uint64(30) {
		pop(tag + 1)
	}
	for range 54 { // full, and turned
		push(next)
		next++
	}
	push(next)
	for range 3 {
		if ticket, _, ok := w.expireNext(); !ok || ticket.Waiter != &c {
			t.Fatal("nobody expires")
		}
	}
	for i := range 3 {
		if w.At(w.First()).Waiter != nil {
			t.Errorf("the ring keeps number %d, which has had its answer", i)
		}
		if w.expired != 3-i {
			t.Errorf("%d have had their answer, want %d", w.expired, 3-i)
		}
		if p, _ := w.take(); p.Waiter != nil || p.size != 31+i {
			t.Errorf("it comes again: %+v", p)
		}
	}
	for tag := uint64(34); tag <= next; tag++ {
		pop(tag)
	}
	if _, ok := w.take(); ok || w.Len() != 0 {
		t.Error("more comes than was pushed")
	}
}
