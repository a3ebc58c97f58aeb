package server

import (
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry"
)

// Whoever has brought work goes back to his own after a while, however much
// others bring.
func TestGuestsAreLetGo(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	r := g.nodes["n1"].current.Load()
	var mu sync.Mutex // guards stop
	stop := false
	var again func()
	again = func() { // work that never ends
		mu.Lock()
		defer mu.Unlock()
		if !stop {
			r.post(again)
		}
	}
	eventually(t, "somebody takes the turn", func() bool {
		if r.isOwned() {
			return false // a pulse has it
		}
		r.post(again) // which returns, or this test never ends
		return true
	})
	r.do(func() {}) // and others get their turn
	mu.Lock()
	stop = true
	mu.Unlock()
}

// A node without work takes no turns but those of its pulse and of what the
// group itself orders.
func TestIdleNodesRest(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour, Tick: time.Second, Audit: time.Hour, SessionTTL: time.Hour})
	g.startAll(2)
	for id, n := range g.nodes {
		r := n.current.Load()
		pulses, last := 0, time.Time{}
		var start uint64
		eventually(t, "twenty pulses of "+id, func() bool {
			r.do(func() {
				if r.pulsed.After(last) {
					pulses, last = pulses+1, r.pulsed
				}
				if pulses == 1 && start == 0 {
					start = r.core.Position()
				}
			})
			return pulses > 20
		})
		r.do(func() {
			if r.core.Position()-start > 10 || r.ackArmed && !r.core.AcksWait() {
				t.Errorf("%s: %d commands in 20 pulses, ack timer armed: %v", id, r.core.Position()-start, r.ackArmed)
			}
		})
	}
}

func TestWaitersExpireInPlace(t *testing.T) {
	var w waiters
	start := time.Unix(1000, 0)
	push := func(i int) {
		w.push(pendingCommand{
			ticket: ticket{waiter: make(replies, 1), tag: uint64(i)},
			size:   i, since: start.Add(time.Duration(i) * time.Second),
		})
	}
	told := 0
	for i := range 100 {
		push(i)
	}
	expire := func(before time.Duration) (n int) {
		for {
			late, size, ok := w.expire(start.Add(before))
			if !ok {
				return n
			}
			if late.tag != uint64(told) || size != told {
				t.Fatalf("%d of %d bytes is late, not %d", late.tag, size, told)
			}
			told++
			n++
		}
	}
	if n := expire(10 * time.Second); n != 10 {
		t.Errorf("%d are late, not 10", n)
	}
	if n := expire(10 * time.Second); n != 0 {
		t.Errorf("%d are late again", n)
	}
	for i := range 5 { // the places of some that were told
		if p, ok := w.pop(); !ok || p.size != i || p.waiter != nil {
			t.Fatalf("popped %+v", p)
		}
	}
	for i := 100; i < 200; i++ { // the ring grows
		push(i)
	}
	if n := expire(12 * time.Second); n != 2 {
		t.Errorf("%d are late, not 2", n)
	}
	for i := 5; i < 200; i++ {
		p, ok := w.pop()
		if !ok || p.size != i || (p.waiter == nil) != (i < 12) {
			t.Fatalf("popped %+v, wanted %d", p, i)
		}
	}
	if _, ok := w.pop(); ok || expire(time.Hour) != 0 {
		t.Error("there are more than were pushed")
	}
}
