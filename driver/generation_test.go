package driver

import (
	"testing"
	"testing/synctest"
)

// Younger data is never shown silently: each session of the handle is told,
// once, and goes on in the new state.
func TestGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		db := c.open(t, "")
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		blank, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := db.Set(t.Context(), "k", []byte("old")); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Set(t.Context(), "k", []byte("old")); err != nil {
				t.Fatal(err)
			}
		}
		c.group.reset()
		_, err = db.Get(t.Context(), "k")
		wantErr(t, err, ErrGeneration)
		_, err = db.Get(t.Context(), "k")
		wantErr(t, err, ErrNotFound)
		if v, err := db.Set(t.Context(), "k", []byte("new")); err != nil || v != 2 {
			t.Errorf("%d, %v", v, err)
		}
		_, err = conn.Add(t.Context(), "n", 1)
		wantErr(t, err, ErrGeneration)
		wantNot(t, err, ErrOutcomeUnknown)
		if sum, err := conn.Add(t.Context(), "n", 1); err != nil || sum != 1 {
			t.Errorf("%d, %v", sum, err)
		}
		// This one has seen nothing that it could lose.
		if got, err := blank.Get(t.Context(), "k"); err != nil || string(got.Data) != "new" {
			t.Errorf("%q, %v", got.Data, err)
		}
	})
}

// What the keeper finds out it does not keep from the operations.
func TestGenerationIsToldAfterUpkeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		c.group.reset()
		<-timeAfterTTL()
		_, err := db.Get(t.Context(), "k")
		wantErr(t, err, ErrGeneration)
	})
}

// A server that is left over from a state that is gone is passed over.
func TestOlderGenerationIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		old := newFakeGroup()
		c.group.reset()
		c.nodes["b:1"].group = old
		c.nodes["b:1"].down = true
		db := c.open(t, "")
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		c.nodes["b:1"].set(func(n *fakeNode) { n.down = false })
		for range 20 {
			c.nodes["a:1"].set(func(n *fakeNode) { n.breakLocked() })
			if _, err := db.Get(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
		}
		if c.nodes["b:1"].served != 0 {
			t.Error("the old server was asked")
		}
	})
}

// A server of another group is taken only if there is no other.
func TestOtherGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(3)
		other := newFakeGroup()
		other.group = 0xbeef
		c.nodes["c:1"].group = other
		c.nodes["c:1"].down = true
		db := c.open(t, "")
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		c.nodes["c:1"].set(func(n *fakeNode) { n.down = false })
		for range 20 {
			c.nodes[db.Stats().Server].set(func(n *fakeNode) { n.breakLocked() })
			if _, err := db.Get(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
		}
		c.nodes["a:1"].stop()
		c.nodes["b:1"].stop()
		_, err := db.Get(t.Context(), "k")
		wantErr(t, err, ErrGeneration)
		_, err = db.Get(t.Context(), "k")
		wantErr(t, err, ErrNotFound)
	})
}
