package driver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// isDone reports whether a channel is closed.
func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// pass lets time pass in a bubble.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the bubble's clock

// timedConn is a session with a TTL of its own.
func timedConn(t *testing.T, ttl time.Duration) (*fakeCluster, *Conn) {
	cluster := newFakeCluster(1)
	c, err := cluster.open(t, "").Session(t.Context(), SessionTTL(ttl))
	if err != nil {
		t.Fatal(err)
	}
	return cluster, c
}

// serve has the group's node answer, or refuse everybody.
func (c *fakeCluster) serve(serves bool) {
	c.nodes["a:1"].set(func(n *fakeNode) {
		n.faults = func(*wire.Request) fault {
			if serves {
				return faultNone
			}
			return faultUnavailable
		}
	})
}

// A session with a TTL of its own is renewed four times in that time, also while it writes,
// and lives as long as renewals are answered.
func TestTimedSessionIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, c := timedConn(t, time.Second)
		id, done := c.state.Load().writer.current(), c.Done()
		for range 20 {
			pass(100 * time.Millisecond)
			if _, err := c.Set(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
		}
		if isDone(done) || c.state.Load().writer.current() != id || c.Done() != done {
			t.Error("the session has ended")
		}
		if n := cluster.group.count(wire.OpRenewSession); n < 7 || n > 8 {
			t.Errorf("%d renewals in two seconds", n)
		}
		if err := c.Close(); err != nil || !isDone(done) || !isDone(c.Done()) {
			t.Errorf("%v, done: %v", err, isDone(done))
		}
	})
}

// When nobody answers, the session counts as lost nine tenths of its TTL after the last
// renewal that was answered was sent. The next write says so, and the one after it begins
// another session.
func TestTimedSessionLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, c := timedConn(t, time.Second)
		done := c.Done()
		pass(510 * time.Millisecond) // two renewals
		cluster.serve(false)
		pass(889 * time.Millisecond)
		if isDone(done) {
			t.Error("lost too early")
		}
		pass(2 * time.Millisecond)
		if !isDone(done) {
			t.Error("not lost in time")
		}
		cluster.serve(true)
		next := c.Done()
		if isDone(next) {
			t.Error("another session ends before it has begun")
		}
		if _, err := c.Set(t.Context(), "k", nil); !errors.Is(err, ErrSessionExpired) {
			t.Errorf("the first write after it: %v", err)
		}
		if _, err := c.Set(t.Context(), "k", nil); err != nil {
			t.Errorf("the second: %v", err)
		}
		if isDone(next) || c.Done() != next {
			t.Error("the other session has ended")
		}
	})
}

// A renewal that takes long counts from when it was sent.
func TestTimedSessionCountsFromSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := lifetime{ttl: time.Second, id: 7}
		fired := make(chan time.Time, 1)
		l.lapse = time.AfterFunc(time.Hour, func() { fired <- time.Now() })
		begun := time.Now()
		pass(300 * time.Millisecond)
		l.extend(7, begun)
		if at := <-fired; at.Sub(begun) != 900*time.Millisecond {
			t.Errorf("after %v", at.Sub(begun))
		}
		l.extend(7, time.Now()) // too late
		l.lapse.Reset(time.Hour)
		l.extend(8, time.Now()) // of another session
		select {
		case at := <-fired:
			t.Errorf("fired %v after", at.Sub(begun))
		case <-time.After(59 * time.Minute):
		}
		l.lapse.Stop()
	})
}

// A session that the group has forgotten is done when a write or a renewal learns of it.
func TestForgottenSessionIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, c := timedConn(t, time.Second)
		done := c.Done()
		cluster.group.expireAll()
		if _, err := c.Set(t.Context(), "k", nil); !errors.Is(err, ErrSessionExpired) || !isDone(done) {
			t.Errorf("%v, done: %v", err, isDone(done))
		}
		if _, err := c.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		done = c.Done()
		cluster.group.expireAll()
		pass(251 * time.Millisecond)
		if !isDone(done) {
			t.Error("not done after a renewal")
		}
	})
}

// An asynchronous write that learns that the session has expired closes Done before its Future
// returns the error, and not the next renewal.
func TestForgottenSessionIsDoneForAsynchronousWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, c := timedConn(t, time.Minute)
		done := c.Done()
		if _, err := c.SetAsync(t.Context(), "k", nil).Wait(t.Context()); err != nil || isDone(done) {
			t.Errorf("%v, done: %v", err, isDone(done))
		}
		cluster.group.expireAll()
		begun := time.Now()
		if _, err := c.SetAsync(t.Context(), "k", nil).Wait(t.Context()); !errors.Is(err, ErrSessionExpired) || !isDone(done) {
			t.Errorf("%v, done: %v", err, isDone(done))
		}
		if after := time.Since(begun); after >= time.Second {
			t.Errorf("after %v", after)
		}
		next := c.Done()
		if _, err := c.SetAsync(t.Context(), "k", nil).Wait(t.Context()); err != nil || isDone(next) || c.Done() != next {
			t.Errorf("the other session: %v, done: %v", err, isDone(next))
		}
	})
}

// Done is the same channel before and after the session is opened, and is closed by Close.
func TestDoneOfPlainSessions(t *testing.T) {
	r := &fakeReplica{}
	r.serves.Store(true)
	db := OpenDB(r)
	done := db.Done()
	if _, err := db.Set(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	if isDone(done) || db.Done() != done {
		t.Error("done when the session was opened")
	}
	unused, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	of := unused.Done()
	if err := errors.Join(unused.Close(), db.Close()); err != nil || !isDone(done) || !isDone(of) {
		t.Errorf("%v, done: %v and %v", err, isDone(done), isDone(of))
	}
}

func TestImpossibleSessions(t *testing.T) {
	r := &fakeReplica{}
	r.serves.Store(true)
	db := OpenDB(r)
	closeLater(t, db)
	for _, ttl := range []time.Duration{-1, 0, MinSessionTTL - 1, MaxSessionTTL + 1} {
		if _, err := db.Session(t.Context(), SessionTTL(ttl)); !errors.Is(err, ErrOption) {
			t.Errorf("%v: %v", ttl, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Session(gone, SessionTTL(MinSessionTTL), SessionTTL(0)); !errors.Is(err, ErrOption) {
		t.Errorf("a Conn is made for what is impossible: %v", err)
	}
	if n := db.Stats().Sessions; n != 0 {
		t.Errorf("%d sessions are open", n)
	}
	for what, err := range map[string]error{
		"without a TTL": second2(db.Set(t.Context(), "k", nil, Ephemeral)),
		"asynchronous":  second2(db.Submit(t.Context(), Put("k", nil, Ephemeral)).Wait(t.Context())),
		"a deletion":    second2(db.Batch(t.Context(), Del("k", Ephemeral))),
		"and KeepTTL":   second2(db.Batch(t.Context(), Put("k", nil, Ephemeral, KeepTTL))),
		"KeepTTL and":   second2(db.Batch(t.Context(), Put("k", nil, KeepTTL, Ephemeral))),
	} {
		if !errors.Is(err, ErrOption) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second2[T any](_ T, err error) error { return err }
