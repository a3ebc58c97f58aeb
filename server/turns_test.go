package server

import (
	"sync"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"

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
	var again func(*member.Member)
	again = func(*member.Member) { // work that never ends
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
	r.do(func(*member.Member) {}) // and others get their turn
	mu.Lock()
	stop = true
	mu.Unlock()
}

// A node without work takes no turns but those of its pulse and of what the
// group itself orders.
func TestIdleNodesRest(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: time.Hour, Tick: time.Minute, Audit: time.Hour, SessionTTL: time.Hour})
	g.startAll(2)
	for id, n := range g.nodes {
		r := n.current.Load()
		position := func() (at uint64) {
			r.do(func(m *member.Member) { at = m.Status().Position })
			return at
		}
		start, began := position(), time.Now()
		eventually(t, "two seconds pass at "+id, func() bool { return time.Since(began) > 2*time.Second })
		if ordered := position() - start; ordered > 10 {
			t.Errorf("%s: %d commands in two seconds", id, ordered)
		}
	}
}
