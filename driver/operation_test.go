package driver

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

func TestOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		ctx := t.Context()

		_, err := db.Get(ctx, "k")
		wantErr(t, err, ErrNotFound)
		v1, err := db.Set(ctx, "k", []byte("one"))
		if err != nil || v1 == 0 {
			t.Fatalf("Set: %d, %v", v1, err)
		}
		got, err := db.Get(ctx, "k")
		if err != nil || string(got.Data) != "one" || got.Version != v1 {
			t.Fatalf("Get: %q, %d, %v", got.Data, got.Version, err)
		}
		_, err = db.CompareAndSet(ctx, "k", []byte("two"), 0)
		var conflict *ConflictError
		if wantErr(t, err, ErrConflict); !errors.As(err, &conflict) || conflict.Version != v1 || conflict.Key != "k" {
			t.Errorf("CompareAndSet: %+v", conflict)
		}
		v2, err := db.CompareAndSet(ctx, "k", []byte("two"), v1)
		if err != nil || v2 <= v1 {
			t.Errorf("CompareAndSet: %d, %v", v2, err)
		}
		if got, err = db.Get(ctx, "k", Strong); err != nil || string(got.Data) != "two" {
			t.Errorf("strong Get: %q, %v", got.Data, err)
		}
		_, err = db.Add(ctx, "k", 1)
		wantErr(t, err, ErrNotInteger)
		if sum, err := db.Add(ctx, "n", -5); err != nil || sum != -5 {
			t.Errorf("Add: %d, %v", sum, err)
		}
		if v, err := db.Delete(ctx, "k"); err != nil || v <= v2 {
			t.Errorf("Delete: %d, %v", v, err)
		}
		_, err = db.Delete(ctx, "k")
		wantErr(t, err, ErrNotFound)
		if err := db.Ping(ctx); err != nil {
			t.Error(err)
		}
		if s := db.Stats(); s.OpenConns != 1 || s.Idle != 1 || s.InUse != 0 || s.Retries != 0 || s.Server != "a:1" {
			t.Errorf("%+v", s)
		}
	})
}

// Each write of the table of operations has a call, and an asynchronous one.
func TestEveryWriteHasItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		ctx := t.Context()
		for _, err := range []error{
			second(db.Set(ctx, "k", nil)), second(db.CompareAndSet(ctx, "k", nil, 2)), second(db.Delete(ctx, "k")), second(db.Add(ctx, "n", 1)),
			second(db.Batch(ctx, Put("t", nil))), second(db.Submit(ctx, Put("t", nil)).Wait(ctx)),
			second(db.SetAsync(ctx, "k", nil).Wait(ctx)), second(db.DeleteAsync(ctx, "k").Wait(ctx)),
			second(db.CompareAndSetAsync(ctx, "k", nil, 0).Wait(ctx)), second(db.AddAsync(ctx, "n", 1).Wait(ctx)),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		for op := wire.Op(1); op.Valid(); op++ {
			if n := c.group.count(op); op.IsWrite() && n != 2 {
				t.Errorf("variables.go and async.go have not a call each for %s: %d were ordered", op, n)
			}
		}
	})
}

// What a member of the group does not know yet is an error of its own, which says why.
func TestUnsupported(t *testing.T) {
	refusal := (&wire.Operation{Name: "lock", From: wire.FromClient, Level: 9}).Refuse(8)
	err := replyError(refusal.Reply(), &wire.Command{})
	wantErr(t, err, ErrUnsupported)
	wantNot(t, err, ErrProtocol)
	if !strings.Contains(err.Error(), "lock needs feature level 9") {
		t.Error(err)
	}
}

func TestBadArgumentsAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		c.group.maxValue = 10
		db := c.open(t, "")
		for _, key := range []string{"", "\x00k", strings.Repeat("k", 1025)} {
			_, err := db.Get(t.Context(), key)
			wantErr(t, err, ErrInvalidKey)
			_, err = db.Set(t.Context(), key, nil)
			wantErr(t, err, ErrInvalidKey)
		}
		if c.nodes["a:1"].dials != 0 {
			t.Error("a connection was made")
		}
		_, err := db.Set(t.Context(), "k", make([]byte, 11))
		wantErr(t, err, ErrTooLarge)
		if _, err := db.Set(t.Context(), strings.Repeat("k", 1024), make([]byte, 10)); err != nil {
			t.Error(err)
		}
		if n := c.group.count(wire.OpSet); n != 1 {
			t.Errorf("%d sets", n)
		}
	})
}

// A write whose context ends in flight has an unknown outcome; the connection
// serves others on, and the late reply is dropped.
func TestCancelInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		if _, err := db.Set(t.Context(), "warm", nil); err != nil {
			t.Fatal(err)
		}
		n := c.nodes["a:1"]
		n.set(func(n *fakeNode) {
			n.delay = func(r *wire.Request) time.Duration {
				if r.Key == "slow" || r.Command.Key == "slow" {
					return time.Second
				}
				return 0
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := db.Set(ctx, "slow", []byte("x"))
		wantErr(t, err, ErrOutcomeUnknown, context.DeadlineExceeded)
		wantNot(t, err, ErrUnavailable)

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err = db.Get(ctx, "slow")
		wantErr(t, err, ErrUnavailable, context.Canceled)

		<-time.After(2 * time.Second)
		if got, err := db.Get(t.Context(), "warm"); err != nil {
			t.Errorf("%q, %v", got.Data, err)
		}
		if n.dials != 1 {
			t.Errorf("%d connections", n.dials)
		}
	})
}

// The time that a caller has is told to the node.
func TestTimeoutIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "timeout=7s")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := db.Get(ctx, "k")
		wantErr(t, err, ErrNotFound)
		_, err = db.Get(t.Context(), "k")
		wantErr(t, err, ErrNotFound)
		requests := c.nodes["a:1"].requests()
		if len(requests) != 2 || requests[0].Timeout != 3*time.Second || requests[1].Timeout != 7*time.Second {
			t.Errorf("%+v", requests)
		}
	})
}

// Nothing was sent, so it is certain that nothing was done.
func TestUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		for _, n := range c.nodes {
			n.down = true
		}
		db := c.open(t, "timeout=4s")
		// Without a deadline the handle's timeout counts, whether the context can
		// end or not.
		endless := context.Background() //nolint:usetesting // one that cannot end
		for _, ctx := range []context.Context{t.Context(), endless} {
			began := time.Now()
			_, err := db.Set(ctx, "k", nil)
			wantErr(t, err, ErrUnavailable, context.DeadlineExceeded)
			wantNot(t, err, ErrOutcomeUnknown)
			if took := time.Since(began); took < 4*time.Second || took > 4500*time.Millisecond {
				t.Errorf("took %v", took)
			}
			if !strings.Contains(err.Error(), "connection refused") {
				t.Errorf("%v does not say why", err)
			}
			_, err = db.Get(ctx, "k")
			wantErr(t, err, ErrUnavailable, context.DeadlineExceeded)
		}
		dials := c.nodes["a:1"].dials
		if dials < 8 || dials > 80 {
			t.Errorf("%d attempts to connect in 16 s", dials)
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := db.Set(done, "k", nil)
		wantErr(t, err, ErrUnavailable, context.Canceled)
	})
}

// Whatever goes wrong with the first attempts, the write takes effect once.
func TestEveryFaultIsRetried(t *testing.T) {
	for name, f := range map[string]fault{
		"break before": faultBreakBefore, "break after": faultBreakAfter, "unavailable": faultUnavailable,
		"interrupted": faultInterrupted, "timeout": faultTimeout, "silence": faultSilence, "ignored": faultIgnore,
		"garbage": faultGarbage,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(3)
				db := c.open(t, "")
				if _, err := db.Add(t.Context(), "n", 1); err != nil {
					t.Fatal(err)
				}
				left := 2 // requests that go wrong
				for _, n := range c.nodes {
					n.set(func(n *fakeNode) {
						n.faults = func(r *wire.Request) fault {
							c.group.mu.Lock()
							defer c.group.mu.Unlock()
							if r.Kind != wire.RequestPing && left > 0 {
								left--
								return f
							}
							if f == faultSilence || f == faultIgnore {
								if r.Kind == wire.RequestPing {
									return f
								}
							}
							return faultNone
						}
					})
				}
				if sum, err := db.Add(t.Context(), "n", 1); err != nil || sum != 2 {
					t.Errorf("%d, %v", sum, err)
				}
				if got, err := db.Get(t.Context(), "n", Strong); err != nil || string(got.Data) != "2" {
					t.Errorf("%q, %v", got.Data, err)
				}
				if s := db.Stats(); s.Retries != 2 || s.FailOvers == 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// A server that answers a read from before what the session has seen, which no
// good one does, is not believed.
func TestStaleAnswerIsNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		db := c.open(t, "")
		v, err := db.Set(t.Context(), "k", []byte("seen"))
		if err != nil {
			t.Fatal(err)
		}
		c.nodes[db.Stats().Server].set(func(n *fakeNode) { n.faults = func(*wire.Request) fault { return faultStale } })
		if got, err := db.Get(t.Context(), "k"); err != nil || got.Version != v {
			t.Errorf("%d, %v", got.Version, err)
		}
		if s := db.Stats(); s.Retries != 1 || s.FailOvers != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// A write that may have been executed and meets its context's end is unknown,
// also when the last attempts certainly were not.
func TestOutcomeUnknownAfterRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := db.SessionID(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := c.nodes["a:1"]
		n.set(func(n *fakeNode) {
			n.faults = func(*wire.Request) fault {
				n.down = true
				return faultBreakAfter
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := db.Add(ctx, "n", 1)
		wantErr(t, err, ErrOutcomeUnknown, context.DeadlineExceeded)
		wantNot(t, err, ErrUnavailable)
		n.set(func(n *fakeNode) { n.down, n.faults = false, nil })
		if sum, err := db.Add(t.Context(), "n", 1); err != nil || sum != 2 {
			t.Errorf("%d, %v", sum, err)
		}
		last := n.requests()
		if cmd := last[len(last)-1].Command; cmd.Seq != 2 || cmd.Floor != 2 {
			t.Errorf("the write after it has seq %d, floor %d", cmd.Seq, cmd.Floor)
		}
	})
}

func TestProtocolErrorsAreToldAtOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*fakeNode)
		want    error
	}{
		"another protocol": {func(n *fakeNode) { n.greets = "HTTP/1.1 400 Bad Request\r\n\r\n" }, ErrProtocol},
		"another version":  {func(n *fakeNode) { n.refuse = wire.StatusVersion }, ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(2)
				for _, n := range c.nodes {
					tc.prepare(n)
				}
				db := c.open(t, "")
				began := time.Now()
				_, err := db.Set(t.Context(), "k", nil)
				wantErr(t, err, tc.want)
				if time.Since(began) > time.Second {
					t.Error("it took its time")
				}
			})
		})
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := conn.Set(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Set(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
		}
		c.nodes["a:1"].set(func(n *fakeNode) {
			n.faults = func(r *wire.Request) fault {
				if r.Command.Key == "hangs" {
					return faultIgnore
				}
				return faultNone
			}
		})
		ended := make(chan error)
		go func() {
			_, err := db.Set(t.Context(), "hangs", nil)
			ended <- err
		}()
		synctest.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		wantErr(t, <-ended, ErrClosed, ErrOutcomeUnknown)
		if n := c.group.count(wire.OpCloseSession); n != 2 {
			t.Errorf("%d sessions were closed in the group", n)
		}
		for _, err := range []error{
			second(db.Get(t.Context(), "k")), second(db.Set(t.Context(), "k", nil)), db.Ping(t.Context()),
			second(db.SessionID(t.Context())), second(db.Conn(t.Context())), second(conn.Get(t.Context(), "k")),
		} {
			wantErr(t, err, ErrClosed)
			wantNot(t, err, ErrOutcomeUnknown)
		}
		if err := errors.Join(db.Close(), conn.Close()); err != nil {
			t.Errorf("closed again: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// A read whose context has no deadline ends when a node says that the handle's timeout,
// which it was given, is over: another attempt would double the time.
func TestReadEndsWithTheNodesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		if err := db.Ping(t.Context()); err != nil { // connected: the read needs no deadline of its own
			t.Fatal(err)
		}
		c.nodes["a:1"].set(func(n *fakeNode) { n.faults = func(*wire.Request) fault { return faultTimeout } })
		var trace OpTrace
		_, err := db.Get(WithTrace(t.Context(), &trace), "k")
		wantErr(t, err, ErrUnavailable, context.DeadlineExceeded)
		if trace.Attempts != 1 {
			t.Errorf("%d attempts", trace.Attempts)
		}
	})
}

// A write that one node may have taken, and another does not know, may have been executed.
// Nothing else is tried then.
func TestUnsupportedAfterAnAttempt(t *testing.T) {
	for name, write := range map[string]func(ctx context.Context, db *DB) error{
		"Set":    func(ctx context.Context, db *DB) error { return second(db.Set(ctx, "k", []byte("2"), IfVersion(2))) },
		"Batch":  func(ctx context.Context, db *DB) error { return second(db.Batch(ctx, Put("k", nil))) },
		"Submit": func(ctx context.Context, db *DB) error { return second(db.Submit(ctx, Put("k", nil)).Wait(ctx)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(1)
				db := c.open(t, "")
				if version, err := db.Set(t.Context(), "k", nil); err != nil || version != 2 {
					t.Fatal(version, err)
				}
				c.nodes["a:1"].set(func(n *fakeNode) {
					n.faults = func(r *wire.Request) fault {
						if r.Command.Op != wire.OpTxn {
							return faultNone
						}
						c.group.maxTxn = 0
						return faultBreakAfter
					}
				})
				wantErr(t, write(t.Context(), db), ErrUnsupported, ErrOutcomeUnknown)
				if txns, others := c.group.count(wire.OpTxn), c.group.count(wire.OpCompareAndSet); txns != 1 || others != 0 {
					t.Errorf("%d transactions and %d others were executed", txns, others)
				}
			})
		})
	}
}

// A node that knows no transactions is sent none: it would break the connection. Writes
// around them go on.
func TestTransactionAtANodeOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		c.group.maxTxn = 0
		db := c.open(t, "")
		ctx := t.Context()
		before, txn, after := db.SetAsync(ctx, "k", nil), db.Submit(ctx, Put("t", nil)), db.SetAsync(ctx, "k", nil)
		last := db.Submit(ctx, Put("t", nil))
		for what, err := range map[string]error{"Submit": second(txn.Wait(ctx)), "the last": second(last.Wait(ctx)), "Batch": second(db.Batch(ctx, Put("t", nil)))} {
			if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "does not know transactions: upgrade it") {
				t.Errorf("%s: %v", what, err)
			}
		}
		// What CompareAndSet does too is done nevertheless; there is no TTL that it would keep.
		wantErr(t, second(db.Set(ctx, "k", nil, IfAbsent)), ErrConflict)
		version, err := db.Set(ctx, "new", nil, IfAbsent)
		if err == nil {
			version, err = db.Set(ctx, "new", nil, IfVersion(version))
		}
		if err == nil {
			version, err = db.Set(ctx, "new", nil, IfVersion(version), KeepTTL)
		}
		if err != nil {
			t.Error(err)
		}
		for _, options := range [][]WriteOption{{TTL(time.Hour)}, {IfVersion(version), TTL(time.Hour)}, {IfVersion(0), TTL(time.Hour)}, {IfPresent}, {KeepTTL}} {
			wantErr(t, second(db.Set(ctx, "new", nil, options...)), ErrUnsupported)
		}
		wantErr(t, db.Expire(ctx, "new", time.Hour), ErrUnsupported)
		if value, err := db.Get(ctx, "new"); err != nil || value.Version != version {
			t.Errorf("version %d, want %d: %v", value.Version, version, err)
		}
		for _, err := range []error{second(before.Wait(ctx)), second(after.Wait(ctx)), second(db.Set(ctx, "k", nil))} {
			if err != nil {
				t.Error(err)
			}
		}
		if n := c.group.count(wire.OpTxn); n != 0 {
			t.Errorf("%d were sent", n)
		}
	})
}
