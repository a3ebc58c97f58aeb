package driver

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Expiry is told once, to the write that meets it; it was not executed.
func TestSessionExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		first, err := db.SessionID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Add(t.Context(), "n", 1); err != nil {
			t.Fatal(err)
		}
		c.group.expireAll()
		if _, err := db.Get(t.Context(), "n"); err != nil {
			t.Errorf("a read: %v", err)
		}
		_, err = db.Add(t.Context(), "n", 1)
		wantErr(t, err, ErrSessionExpired)
		wantNot(t, err, ErrOutcomeUnknown)
		if sum, err := db.Add(t.Context(), "n", 1); err != nil || sum != 2 {
			t.Errorf("%d, %v", sum, err)
		}
		if second, err := db.SessionID(t.Context()); err != nil || second <= first {
			t.Errorf("session %d after %d, %v", second, first, err)
		}
	})
}

// If an earlier attempt may have been executed, nobody can tell any more.
func TestSessionExpiredBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		if _, err := db.SessionID(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.nodes["a:1"].set(func(n *fakeNode) {
			n.faults = func(*wire.Request) fault {
				n.faults = func(*wire.Request) fault {
					c.group.expireAll()
					return faultNone
				}
				return faultBreakAfter
			}
		})
		_, err := db.Add(t.Context(), "n", 1)
		wantErr(t, err, ErrSessionExpired, ErrOutcomeUnknown)
	})
}

// When the keeper finds out, the next write is told, and only that.
func TestSessionExpiredUnnoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		c.group.expireAll()
		<-time.After(time.Minute)
		_, err := db.Set(t.Context(), "k", nil)
		wantErr(t, err, ErrSessionExpired)
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Error(err)
		}
		if n := c.group.count(wire.OpSet); n != 2 {
			t.Errorf("%d sets", n)
		}
	})
}

// The keeper finds out while a write is in flight: that one is told, and no other.
func TestSessionExpiredInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "timeout=10m")
		if _, err := db.SessionID(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.nodes["a:1"].set(func(n *fakeNode) {
			n.delay = func(r *wire.Request) time.Duration {
				if r.Command.Op == wire.OpSet {
					return 2 * time.Minute
				}
				return 0
			}
		})
		ended := make(chan error)
		go func() {
			_, err := db.Set(t.Context(), "k", nil)
			ended <- err
		}()
		synctest.Wait()
		c.group.expireAll()
		<-time.After(time.Minute)
		if n := c.group.count(wire.OpRenewSession); n == 0 {
			t.Error("the keeper did not look")
		}
		wantErr(t, <-ended, ErrSessionExpired)
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Errorf("told again: %v", err)
		}
	})
}

// All writes in flight that meet it are told, and no later one. They begin one
// new session.
func TestSessionExpiredUnderManyWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		if _, err := db.SessionID(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := c.nodes["a:1"]
		n.set(func(n *fakeNode) {
			n.delay = func(r *wire.Request) time.Duration { return time.Duration(r.Command.Delta) * time.Second }
		})
		const writes = 20
		var all sync.WaitGroup
		for i := range writes {
			all.Go(func() {
				_, err := db.Add(t.Context(), "n", int64(1+i%5))
				wantErr(t, err, ErrSessionExpired)
				wantNot(t, err, ErrOutcomeUnknown)
				// Its siblings are in flight yet.
				if _, err := db.Set(t.Context(), "k", nil); err != nil {
					t.Errorf("told again: %v", err)
				}
			})
		}
		synctest.Wait()
		c.group.expireAll()
		all.Wait()
		if n := c.group.count(wire.OpOpenSession); n != 2 {
			t.Errorf("%d sessions", n)
		}
		_, err := db.Get(t.Context(), "n")
		wantErr(t, err, ErrNotFound)
	})
}

// The keeper finds out while a write is in flight that was executed before. Its
// caller has nothing to complain of, so the next one is told, even if it does not
// wait for the first: nothing is written in a new session as if there had been no
// other.
func TestSessionExpiredAfterWriteInFlight(t *testing.T) {
	for _, waits := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := newFakeCluster(1)
			db := c.open(t, "timeout=10m")
			if _, err := db.SessionID(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.nodes["a:1"].set(func(n *fakeNode) {
				n.faults = func(r *wire.Request) fault {
					if r.Command.Op == wire.OpAdd {
						return faultLate
					}
					return faultNone
				}
			})
			ended := make(chan error, 1)
			go func() {
				_, err := db.Add(t.Context(), "n", 1)
				ended <- err
			}()
			synctest.Wait()
			c.group.expireAll()
			<-time.After(time.Minute)
			first := func() {
				if err := <-ended; err != nil {
					t.Errorf("the first: %v", err)
				}
			}
			if waits {
				first()
			}
			_, err := db.Set(t.Context(), "k", nil)
			wantErr(t, err, ErrSessionExpired)
			if _, err := db.Set(t.Context(), "k", nil); err != nil {
				t.Errorf("told again: %v", err)
			}
			if !waits {
				first()
				if _, err := db.Set(t.Context(), "k", nil); err != nil {
					t.Errorf("told again: %v", err)
				}
			}
		})
	}
}

// Sessions that do not write are renewed within a third of their time, those
// that write are not.
func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		const sessions = 100
		var conns []*Conn // one that is garbage is abandoned
		for range sessions {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Set(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		<-time.After(21 * time.Second)
		if n := c.group.count(wire.OpRenewSession); n != sessions {
			t.Errorf("%d renewals after a third of the time", n)
		}
		<-time.After(60 * time.Second)
		if n := c.group.count(wire.OpRenewSession); n < 4*sessions || n > 8*sessions {
			t.Errorf("%d renewals after another whole time", n)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if n := len(c.group.sessions); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		runtime.KeepAlive(conns)
	})
}

func TestKeeperLeavesWritersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		for range 30 {
			if _, err := db.Set(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
			<-time.After(5 * time.Second)
		}
		if n := c.group.count(wire.OpRenewSession); n != 0 {
			t.Errorf("%d renewals", n)
		}
	})
}

func TestConnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		_, err = conn.Get(t.Context(), "k")
		wantErr(t, err, ErrClosed)
		if n := len(c.group.sessions); n != 1 {
			t.Errorf("%d sessions are left", n)
		}
		if _, err := db.Get(t.Context(), "k"); err != nil {
			t.Error(err)
		}
	})
}

// All goroutines of a handle are one session, which is opened once.
func TestSessionIsOpenedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		db := c.open(t, "")
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := db.Add(t.Context(), "n", 1); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := c.group.count(wire.OpOpenSession); n != 1 {
			t.Errorf("%d sessions", n)
		}
		for id, n := range c.group.executed {
			if n != 1 {
				t.Errorf("write %v was executed %d times", id, n)
			}
		}
	})
}

// The caller who was opening the session went away; another one does it.
func TestSessionOpenerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		c.nodes["a:1"].delay = func(*wire.Request) time.Duration { return time.Second }
		db := c.open(t, "")
		short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		ended := make(chan error)
		go func() {
			_, err := db.Set(short, "k", nil)
			ended <- err
		}()
		synctest.Wait()
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Error(err)
		}
		err := <-ended
		// The write itself was never sent.
		wantErr(t, err, ErrUnavailable, context.DeadlineExceeded)
		wantNot(t, err, ErrOutcomeUnknown)
	})
}

// A Conn has seen what its DB had seen; then they part.
func TestConnPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		c.nodes["a:1"].lag = 1 << 40
		db := c.open(t, "")
		v, err := db.Set(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := conn.Get(t.Context(), "k"); err != nil || got.Version != v {
			t.Errorf("%d, %v", got.Version, err)
		}
		if _, err := db.Set(t.Context(), "k", []byte("later")); err != nil {
			t.Fatal(err)
		}
		// The replica is far behind, and the Conn has not seen the second write.
		if got, err := conn.Get(t.Context(), "k"); err != nil || got.Version != v {
			t.Errorf("%d, %v", got.Version, err)
		}
		if got, err := db.Get(t.Context(), "k"); err != nil || got.Version == v {
			t.Errorf("%d, %v", got.Version, err)
		}
	})
}

func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		id, err := db.SessionID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var trace OpTrace
		ctx := WithTrace(t.Context(), &trace)
		v, err := db.Set(ctx, "k", nil)
		if want := (OpTrace{Position: v, Node: "node-a", Session: id, Seq: 1, Attempts: 1}); err != nil || trace != want {
			t.Errorf("Set: %+v, want %+v, %v", trace, want, err)
		}
		_, err = db.CompareAndSet(ctx, "k", nil, 99)
		wantErr(t, err, ErrConflict)
		if want := (OpTrace{Position: v + 1, Node: "node-a", Session: id, Seq: 2, Attempts: 1}); trace != want {
			t.Errorf("CompareAndSet: %+v, want %+v", trace, want)
		}
		_, err = db.Get(ctx, "absent")
		wantErr(t, err, ErrNotFound)
		if want := (OpTrace{Position: v + 1, Node: "node-a", Attempts: 1}); trace != want {
			t.Errorf("Get: %+v, want %+v", trace, want)
		}
		_, err = db.Get(ctx, "")
		wantErr(t, err, ErrInvalidKey)
		if trace != (OpTrace{}) {
			t.Errorf("nothing was done: %+v", trace)
		}
	})
}

// A Conn that is closed while its first write opens the session is not kept alive:
// the group forgets it.
func TestConnClosedWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		c.nodes["a:1"].set(func(n *fakeNode) {
			n.delay = func(r *wire.Request) time.Duration {
				if r.Command.Op == wire.OpOpenSession {
					return time.Second
				}
				return 0
			}
		})
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { _, err := conn.Set(t.Context(), "k", nil); ended <- err }()
		synctest.Wait()
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		wantErr(t, <-ended, ErrClosed)
		<-time.After(10 * time.Minute)
		if n := c.group.count(wire.OpRenewSession); n > 0 {
			t.Errorf("%d renewals of a closed Conn's session", n)
		}
	})
}
