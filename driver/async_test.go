package driver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// flushed fails the test if Flush returns an error.
func flushed(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Flush(t.Context()); err != nil {
		t.Errorf("flush: %v", err)
	}
}

// inOrder fails the test unless the values of key were set in order, each once:
// value n is n bytes long.
func (g *fakeGroup) inOrder(t testing.TB, key string, n int) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, v := range g.history[key] {
		if len(v.value) != i+1 {
			t.Fatalf("write %d of %q is the one issued as %d", i+1, key, len(v.value))
		}
	}
	if got := len(g.history[key]); got != n {
		t.Errorf("%d writes of %q took effect, want %d", got, key, n)
	}
	for id, times := range g.executed {
		if times != 1 {
			t.Errorf("write %v was executed %d times", id, times)
		}
	}
}

// The goroutine that sends the writes of a Conn ends with the Conn, not with its DB.
func TestPumpEndsWithItsConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeCluster(1).open(t, "")
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetAsync(t.Context(), "k", nil)
		if err := errors.Join(conn.Flush(t.Context()), conn.Close()); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			db.streams.pumps.Wait()
			close(ended)
		}()
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("it has not ended")
		}
	})
}

func TestAsyncWritesAndFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		value := []byte("x")
		first := db.SetAsync(t.Context(), "k", value)
		value[0] = 'y' // the handle has a copy
		sum := db.AddAsync(t.Context(), "n", 5)
		again := db.AddAsync(t.Context(), "n", 2)
		if v, err := db.Get(t.Context(), "k"); err != nil || string(v.Data) != "x" {
			t.Errorf("a read behind the write: %q, %v", v.Data, err)
		}
		version, err := first.Wait(t.Context())
		if err != nil || version == 0 {
			t.Errorf("%d, %v", version, err)
		}
		for _, f := range []*Future{sum, again} {
			if _, err := f.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if sum.Sum() != 5 || again.Sum() != 7 {
			t.Errorf("sums %d and %d", sum.Sum(), again.Sum())
		}
		cas := db.CompareAndSetAsync(t.Context(), "k", []byte("z"), version)
		gone := db.DeleteAsync(t.Context(), "k")
		flushed(t, db)
		for _, f := range []*Future{cas, gone} {
			select {
			case <-f.Done():
			default:
				t.Error("Flush did not wait")
			}
		}
		if _, err := db.Get(t.Context(), "k"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

// Whatever is issued by one goroutine takes effect in its order, waited for or not.
func TestAsyncOrderWithSynchronousOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		for i := 1; i <= 100; i++ {
			if i%7 != 0 {
				db.SetAsync(t.Context(), "k", make([]byte, i))
				continue
			}
			if _, err := db.Set(t.Context(), "k", make([]byte, i)); err != nil {
				t.Fatal(err)
			}
			if v, err := db.Get(t.Context(), "k"); err != nil || len(v.Data) != i {
				t.Fatalf("after %d writes: %d, %v", i, len(v.Data), err)
			}
		}
		flushed(t, db)
		c.group.inOrder(t, "k", 100)
	})
}

// Every fault that hits some of many outstanding writes leaves them in order, each
// executed once.
func TestAsyncThroughFaults(t *testing.T) {
	for _, f := range []fault{
		faultBreakBefore, faultBreakAfter, faultUnavailable, faultInterrupted, faultTimeout, faultIgnore, faultGarbage,
	} {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(3)
				var served atomic.Int64
				for _, n := range c.nodes {
					n.faults = func(r *wire.Request) fault {
						if n := served.Add(1); r.Kind == wire.RequestWrite && r.Command.Op == wire.OpSet && (n == 20 || n == 90 || n == 91) {
							return f
						}
						return faultNone
					}
				}
				db := c.open(t, "")
				for i := range 200 {
					db.SetAsync(t.Context(), "k", make([]byte, i+1))
				}
				if v, err := db.Get(t.Context(), "k"); err != nil || len(v.Data) != 200 {
					t.Errorf("a read behind them: %d, %v", len(v.Data), err)
				}
				flushed(t, db)
				c.group.inOrder(t, "k", 200)
			})
		})
	}
}

// A server that dies with writes outstanding is left, and they go on elsewhere.
func TestAsyncFailOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(3)
		db := c.open(t, "")
		issued := 0
		issue := func() {
			issued++
			db.SetAsync(t.Context(), "k", make([]byte, issued))
		}
		issue()
		flushed(t, db)
		for range 5 {
			for range 50 {
				issue()
			}
			n := c.nodes[db.Stats().Server]
			n.stop()
			for range 50 {
				issue()
			}
			flushed(t, db)
			n.set(func(n *fakeNode) { n.down = false })
		}
		c.group.inOrder(t, "k", issued)
		if db.Stats().FailOvers < 5 {
			t.Errorf("%d fail-overs", db.Stats().FailOvers)
		}
	})
}

// A server that leaves answers what is under way, and nothing more.
func TestAsyncGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		db := c.open(t, "")
		for i := range 300 {
			db.SetAsync(t.Context(), "k", make([]byte, i+1))
			if i%100 == 50 {
				if server := db.Stats().Server; server != "" {
					c.nodes[server].goAway()
				}
			}
		}
		flushed(t, db)
		c.group.inOrder(t, "k", 300)
	})
}

// As many as are allowed may be outstanding; the next one waits, within its
// context.
func TestAsyncBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "max_async=10")
		db.SetAsync(t.Context(), "k", []byte{1})
		flushed(t, db)
		c.nodes["a:1"].set(func(n *fakeNode) { n.delay = func(*wire.Request) time.Duration { return time.Second } })
		begun := time.Now()
		for i := range 10 {
			db.SetAsync(t.Context(), "k", make([]byte, i+2))
		}
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("waited %v below the bound", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		refused := db.SetAsync(ctx, "k", []byte("refused"))
		_, err := refused.Wait(t.Context())
		wantErr(t, err, ErrUnavailable, context.DeadlineExceeded)
		wantNot(t, err, ErrOutcomeUnknown)
		last := db.SetAsync(t.Context(), "k", make([]byte, 12))
		if waited := time.Since(begun); waited < time.Second {
			t.Errorf("waited %v for room", waited)
		}
		if _, err := last.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		flushed(t, db) // refused was waited for
		c.group.inOrder(t, "k", 12)
	})
}

// Flush tells an error once, and only one that nobody was told of.
func TestFlushTellsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		told := db.DeleteAsync(t.Context(), "none")
		if _, err := told.Wait(t.Context()); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		flushed(t, db)
		told = db.CompareAndSetAsync(t.Context(), "k", nil, 77)
		db.SetAsync(t.Context(), "", nil)
		db.DeleteAsync(t.Context(), "none")
		_, err := told.Wait(t.Context())
		var conflict *ConflictError
		if !errors.As(err, &conflict) || conflict.Key != "k" {
			t.Error(err)
		}
		err = db.Flush(t.Context())
		wantErr(t, err, ErrInvalidKey)
		wantNot(t, err, ErrNotFound, ErrConflict)
		flushed(t, db)
		db.SetAsync(t.Context(), "big", make([]byte, 2<<20))
		wantErr(t, db.Flush(t.Context()), ErrTooLarge)
		// They hold nothing up.
		db.SetAsync(t.Context(), "k", []byte("value"))
		flushed(t, db)
		if n := len(db.failures.list); n != 0 {
			t.Errorf("%d failures are kept after Flush has returned them", n)
		}
	})
}

// A session that is lost with writes outstanding is told by all of them, by none
// that is issued later, and by Flush once.
func TestAsyncSessionLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		db.SetAsync(t.Context(), "k", []byte("before"))
		flushed(t, db)
		c.group.expireAll()
		c.nodes["a:1"].set(func(n *fakeNode) { n.delay = func(*wire.Request) time.Duration { return time.Second } })
		lost := make([]*Future, 20)
		for i := range lost {
			lost[i] = db.SetAsync(t.Context(), "k", []byte("lost"))
		}
		_, err := lost[0].Wait(t.Context())
		wantErr(t, err, ErrSessionExpired)
		wantNot(t, err, ErrOutcomeUnknown)
		after := db.SetAsync(t.Context(), "k", []byte("after"))
		if _, err := after.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		wantErr(t, db.Flush(t.Context()), ErrSessionExpired)
		flushed(t, db)
		for _, f := range lost {
			_, err := f.Wait(t.Context())
			wantErr(t, err, ErrSessionExpired)
			wantNot(t, err, ErrOutcomeUnknown)
		}
		if v, err := db.Get(t.Context(), "k"); err != nil || string(v.Data) != "after" {
			t.Errorf("%q, %v", v.Data, err)
		}
	})
}

// Nobody serves: writes end after the handle's timeout, and are certain not to have
// been executed.
func TestAsyncTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "timeout=8s")
		db.SetAsync(t.Context(), "k", []byte("before"))
		flushed(t, db)
		c.nodes["a:1"].set(func(n *fakeNode) {
			n.faults = func(*wire.Request) fault { return faultUnavailable }
		})
		begun := time.Now()
		refused := db.SetAsync(t.Context(), "k", []byte("refused"))
		_, err := refused.Wait(t.Context())
		wantErr(t, err, ErrUnavailable, context.DeadlineExceeded)
		wantNot(t, err, ErrOutcomeUnknown)
		if took := time.Since(begun); took < 8*time.Second || took > 9*time.Second+time.Millisecond {
			t.Errorf("it took %v", took)
		}
		// One that was sent and got no answer is not known, and those after it go on.
		c.nodes["a:1"].set(func(n *fakeNode) {
			n.faults = func(r *wire.Request) fault {
				if string(r.Command.Value) == "lost" {
					return faultIgnore
				}
				return faultNone
			}
		})
		lost := db.SetAsync(t.Context(), "k", []byte("lost"))
		next := db.SetAsync(t.Context(), "k", []byte("next"))
		_, err = lost.Wait(t.Context())
		wantErr(t, err, ErrOutcomeUnknown, context.DeadlineExceeded)
		wantNot(t, err, ErrUnavailable)
		if _, err := next.Wait(t.Context()); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		last := db.SetAsync(t.Context(), "k", []byte("last"))
		if _, err := last.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What a synchronous write waits for behind asynchronous ones may take longer than
// its context.
func TestSynchronousWriteBehindAsyncOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		db.SetAsync(t.Context(), "k", []byte{0})
		flushed(t, db)
		c.nodes["a:1"].set(func(n *fakeNode) { n.delay = func(*wire.Request) time.Duration { return time.Second } })
		db.SetAsync(t.Context(), "k", make([]byte, 2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var trace OpTrace
		_, err := db.Set(WithTrace(ctx, &trace), "k", make([]byte, 3))
		wantErr(t, err, ErrOutcomeUnknown, context.DeadlineExceeded)
		_, err = db.Get(ctx, "k")
		wantErr(t, err, ErrUnavailable, context.DeadlineExceeded)
		_, err = db.Set(WithTrace(t.Context(), &trace), "k", make([]byte, 4))
		if err != nil || trace.Seq != 4 || trace.Node != "node-a" || trace.Position == 0 {
			t.Errorf("%+v, %v", trace, err)
		}
		c.group.inOrder(t, "k", 4)
		flushed(t, db)
	})
}

// Close with writes outstanding fails them at once, and says what is certain.
func TestAsyncClose(t *testing.T) {
	for _, of := range []string{"DB", "Conn"} {
		t.Run(of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(1)
				db := c.open(t, "max_async=20")
				conn, err := db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := conn.SetAsync(t.Context(), "k", []byte{0}).Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				c.nodes["a:1"].set(func(n *fakeNode) { n.delay = func(*wire.Request) time.Duration { return time.Minute } })
				var futures []*Future
				for range 20 {
					futures = append(futures, conn.SetAsync(t.Context(), "k", []byte("outstanding")))
				}
				synctest.Wait()
				blocked := make(chan *Future)
				go func() { blocked <- conn.SetAsync(t.Context(), "k", []byte("blocked")) }()
				synctest.Wait()
				if of == "DB" {
					t.Cleanup(func() { db.closed.err = nil }) // for the test's own Close
					err = db.Close()
				} else {
					err = conn.Close()
				}
				var abandoned *AbandonedError
				if wantErr(t, err, ErrAbandoned); !errors.As(err, &abandoned) || *abandoned != (AbandonedError{Writes: 20, Unknown: 20}) {
					t.Errorf("%+v", abandoned)
				}
				for _, f := range futures {
					_, err := f.Wait(t.Context())
					wantErr(t, err, ErrClosed, ErrOutcomeUnknown)
				}
				_, err = (<-blocked).Wait(t.Context())
				wantErr(t, err, ErrClosed)
				wantNot(t, err, ErrOutcomeUnknown)
				_, err = conn.SetAsync(t.Context(), "k", nil).Wait(t.Context())
				wantErr(t, err, ErrClosed)
			})
		})
	}
}

// A new generation is told by what is outstanding, and what comes later begins
// anew.
func TestAsyncGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		db := c.open(t, "")
		db.SetAsync(t.Context(), "k", []byte("gone"))
		flushed(t, db)
		for _, n := range c.nodes {
			n.stop()
		}
		var lost []*Future
		for range 10 {
			lost = append(lost, db.SetAsync(t.Context(), "k", []byte("lost")))
		}
		c.group.reset()
		for _, n := range c.nodes {
			n.set(func(n *fakeNode) { n.down = false })
		}
		for _, f := range lost {
			_, err := f.Wait(t.Context())
			wantErr(t, err, ErrGeneration)
		}
		if _, err := db.SetAsync(t.Context(), "k", []byte("new")).Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if v, err := db.Get(t.Context(), "k"); err != nil || string(v.Data) != "new" {
			t.Errorf("%q, %v", v.Data, err)
		}
	})
}

// Large values are bounded by their bytes, and all get there.
func TestAsyncLargeValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		large := []byte(strings.Repeat("v", 1<<20))
		const writes = 70 // 64 may be outstanding
		for range writes {
			db.SetAsync(t.Context(), "k", large)
		}
		flushed(t, db)
		c.group.mu.Lock()
		defer c.group.mu.Unlock()
		if h := c.group.history["k"]; len(h) != writes || !bytes.Equal(h[writes-1].value, large) {
			t.Errorf("%d values", len(h))
		}
	})
}

// An embedded node's writes settle on the goroutine that submits them.
func TestAsyncEmbedded(t *testing.T) {
	r := &fakeReplica{value: []byte("value")}
	r.serves.Store(true)
	db := OpenDB(r)
	closeLater(t, db)
	for range 10_000 {
		db.SetAsync(t.Context(), "k", []byte("value"))
	}
	flushed(t, db)
	r.closed.Store(true)
}

// A write that nobody waits for costs its Future and the copy of its value.
func TestAsyncTakesLittleMemory(t *testing.T) {
	r := &fakeReplica{}
	r.serves.Store(true)
	db := OpenDB(r)
	closeLater(t, db)
	value := make([]byte, 100)
	for range 10_000 {
		db.SetAsync(t.Context(), "k", value) // the rings grow
	}
	flushed(t, db)
	// The fake's own outcomes cost a little for each batch.
	if n := testing.AllocsPerRun(10_000, func() { db.SetAsync(t.Context(), "k", value) }); n > 4 {
		t.Errorf("%v allocations a write", n)
	}
	flushed(t, db)
}
