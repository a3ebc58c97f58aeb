package driver

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// dialled returns when any node was dialled, in order.
func (c *fakeCluster) dialled() []time.Time {
	var all []time.Time
	for _, n := range c.nodes {
		n.set(func(n *fakeNode) { all = append(all, n.dialled...) })
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// A server that refuses, or loses its place in the group, costs next to nothing
// as long as another one is well, at whichever an operation begins.
func TestRefusalIsFollowedAtOnce(t *testing.T) {
	for name, f := range map[string]fault{"unavailable": faultUnavailable, "interrupted": faultInterrupted} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(3)
				for _, addr := range []string{"a:1", "b:1"} {
					c.nodes[addr].faults = func(*wire.Request) fault { return f }
				}
				for range 20 {
					db := c.open(t, "")
					began := time.Now()
					if _, err := db.Set(t.Context(), "k", nil); err != nil {
						t.Fatal(err)
					}
					// Two refusals at most: the first is followed at once, the
					// second after 5 ms or a little more.
					if took := time.Since(began); took > 10*time.Millisecond {
						t.Errorf("took %v", took)
					}
				}
			})
		})
	}
}

// While every server refuses, a handle knocks now and then, however many
// operations it has, and at its own times; and is back soon after the servers.
func TestNoStorm(t *testing.T) {
	const handles, operations, refused = 20, 50, 20 * time.Second
	for name, refuses := range map[string]func(*fakeNode){
		"operations":  func(n *fakeNode) { n.faults = func(*wire.Request) fault { return faultUnavailable } },
		"connections": func(n *fakeNode) { n.down = true; n.breakLocked() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(3)
				var all sync.WaitGroup
				var dbs []*DB
				for range handles {
					db := c.open(t, "timeout=5m")
					dbs = append(dbs, db)
					if err := db.Ping(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				for _, n := range c.nodes {
					n.set(refuses)
				}
				before := len(c.dialled())
				for _, db := range dbs {
					for range operations {
						all.Go(func() {
							if _, err := db.Add(t.Context(), "n", 1); err != nil {
								t.Error(err)
							}
						})
					}
				}
				<-time.After(refused)
				checkPace(t, c.dialled()[before:], handles)
				for _, n := range c.nodes {
					n.set(func(n *fakeNode) { n.down, n.faults = false, nil })
				}
				began := time.Now()
				all.Wait()
				// The longest pauses, of the handle and of the operation.
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("back after %v", took)
				}
			})
		})
	}
}

// checkPace looks at when handles knocked at three servers.
func checkPace(t *testing.T, dialled []time.Time, handles int) {
	t.Helper()
	// About nine in the first second, then one a second, at each server if they
	// do not even take connections.
	perHandle := len(dialled) / handles
	if perHandle < 15 || perHandle > 3*45 {
		t.Errorf("%d dials a handle", perHandle)
	}
	settled := slices.IndexFunc(dialled, func(at time.Time) bool { return at.Sub(dialled[0]) > 5*time.Second })
	if settled < 0 {
		t.Fatal("nobody tries any more")
	}
	// Three dials make one round.
	distinct := len(slices.CompactFunc(slices.Clone(dialled[settled:]), time.Time.Equal))
	if rounds := (len(dialled) - settled) / 3; distinct < rounds*9/10 {
		t.Errorf("%d dials at %d times: many handles come at once", len(dialled)-settled, distinct)
	}
	t.Logf("%d dials a handle, %d later than 5 s, at %d times", perHandle, len(dialled)-settled, distinct)
}
