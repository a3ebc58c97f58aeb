package driver

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// api is what a DB and a Conn have in common: every operation of a session.
type api interface {
	Get(ctx context.Context, key string, options ...ReadOption) (Value, error)
	Set(ctx context.Context, key string, value []byte, options ...WriteOption) (uint64, error)
	Delete(ctx context.Context, key string) (uint64, error)
	Add(ctx context.Context, key string, delta int64) (int64, error)
	CompareAndSet(ctx context.Context, key string, value []byte, version uint64) (uint64, error)
	Ping(ctx context.Context) error
	SessionID(ctx context.Context) (uint64, error)
	SetAsync(ctx context.Context, key string, value []byte) *Future
	DeleteAsync(ctx context.Context, key string) *Future
	AddAsync(ctx context.Context, key string, delta int64) *Future
	CompareAndSetAsync(ctx context.Context, key string, value []byte, version uint64) *Future
	Flush(ctx context.Context) error
	Close() error
}

// operations are all that a session can be asked for, with how an asynchronous one
// is waited for.
var operations = map[string]func(context.Context, api) error{
	"Get":           func(ctx context.Context, a api) error { return second(a.Get(ctx, "k")) },
	"strong Get":    func(ctx context.Context, a api) error { return second(a.Get(ctx, "k", Strong)) },
	"Set":           func(ctx context.Context, a api) error { return second(a.Set(ctx, "k", nil)) },
	"Delete":        func(ctx context.Context, a api) error { return second(a.Delete(ctx, "k")) },
	"Add":           func(ctx context.Context, a api) error { return second(a.Add(ctx, "n", 1)) },
	"CompareAndSet": func(ctx context.Context, a api) error { return second(a.CompareAndSet(ctx, "k", nil, 0)) },
	"Ping":          func(ctx context.Context, a api) error { return a.Ping(ctx) },
	"SessionID":     func(ctx context.Context, a api) error { return second(a.SessionID(ctx)) },
	"SetAsync":      func(ctx context.Context, a api) error { return second(a.SetAsync(ctx, "k", nil).Wait(ctx)) },
	"DeleteAsync":   func(ctx context.Context, a api) error { return second(a.DeleteAsync(ctx, "k").Wait(ctx)) },
	"AddAsync":      func(ctx context.Context, a api) error { return second(a.AddAsync(ctx, "n", 1).Wait(ctx)) },
	"CompareAndSetAsync": func(ctx context.Context, a api) error {
		return second(a.CompareAndSetAsync(ctx, "k", nil, 0).Wait(ctx))
	},
	"Flush": func(ctx context.Context, a api) error { return a.Flush(ctx) },
	"SetAsync, Flush": func(ctx context.Context, a api) error {
		a.SetAsync(ctx, "k", nil)
		return a.Flush(ctx)
	},
}

// contexts are those that an operation may have. None ends during a test.
var contexts = map[string]func() (context.Context, context.CancelFunc){
	"endless":     func() (context.Context, context.CancelFunc) { return context.Background(), func() {} },
	"cancellable": func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) },
	"deadline": func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), time.Hour)
	},
}

// stuck is a loop in which operations wait for what does not come.
type stuck struct {
	options string
	dsn     string                                   // "": servers of the cluster
	prepare func(*testing.T, *fakeCluster, *DB, api) // before the operation
	ends    string                                   // operations that end nevertheless
}

// askFor has goroutines do operations that the test does not look at.
func askFor(n int, a api, do func(context.Context, api) error) {
	for range n {
		go func() { _ = do(context.Background(), a) }()
	}
	synctest.Wait()
}

func warm(t *testing.T, a api) {
	t.Helper()
	if _, err := a.Set(t.Context(), "n", []byte("1")); err != nil {
		t.Fatal(err)
	}
}

// ignores has all nodes ignore requests.
func (c *fakeCluster) ignores(which func(*wire.Request) bool) {
	for _, n := range c.nodes {
		n.set(func(n *fakeNode) {
			n.faults = func(r *wire.Request) fault {
				if which(r) {
					return faultIgnore
				}
				return faultNone
			}
		})
	}
}

func anything(*wire.Request) bool { return true }

func isWrite(r *wire.Request) bool { return r.Kind == wire.RequestWrite }

var loops = map[string]stuck{
	"dialling": {
		prepare: func(_ *testing.T, c *fakeCluster, _ *DB, _ api) { c.nodes["a:1"].set(unreachable) },
	},
	"shaking hands": {
		prepare: func(_ *testing.T, c *fakeCluster, _ *DB, _ api) { c.nodes["a:1"].set(hangs) },
	},
	"asking the registry": {
		dsn: "dsm+registry://r:1",
		prepare: func(_ *testing.T, _ *fakeCluster, db *DB, _ api) {
			db.pool.source.(*servers).options.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
				return nil, client.Sleep(ctx, time.Hour)
			}
		},
	},
	"connections are refused": {
		prepare: func(_ *testing.T, c *fakeCluster, _ *DB, _ api) { c.nodes["a:1"].stop() },
	},
	"opening the session": {
		prepare: func(_ *testing.T, c *fakeCluster, _ *DB, _ api) {
			c.ignores(func(r *wire.Request) bool { return r.Command.Op == wire.OpOpenSession || r.Kind != wire.RequestWrite })
		},
	},
	"others open the session": {
		prepare: func(_ *testing.T, c *fakeCluster, _ *DB, a api) {
			c.ignores(anything)
			askFor(2, a, operations["Set"])
		},
	},
	"in flight": {
		prepare: func(t *testing.T, c *fakeCluster, _ *DB, a api) {
			warm(t, a)
			c.ignores(anything)
		},
		ends: "SessionID",
	},
	"waiting for a connection": {
		options: "max_in_flight=2&max_open_conns=1",
		prepare: func(t *testing.T, c *fakeCluster, _ *DB, a api) {
			warm(t, a)
			c.ignores(anything)
			askFor(3, a, operations["Get"])
		},
		ends: "SessionID",
	},
	"pausing": {
		prepare: func(t *testing.T, c *fakeCluster, _ *DB, a api) {
			warm(t, a)
			c.nodes["a:1"].set(func(n *fakeNode) {
				n.faults = func(r *wire.Request) fault {
					if r.Kind == wire.RequestPing {
						return faultIgnore
					}
					return faultUnavailable
				}
			})
		},
		ends: "SessionID",
	},
	"interrupted, pausing": {
		prepare: func(t *testing.T, c *fakeCluster, _ *DB, a api) {
			warm(t, a)
			c.nodes["a:1"].set(func(n *fakeNode) { n.faults = func(*wire.Request) fault { return faultInterrupted } })
		},
		ends: "SessionID, Ping",
	},
	"behind asynchronous writes": {
		prepare: func(t *testing.T, c *fakeCluster, _ *DB, a api) {
			warm(t, a)
			c.ignores(anything)
			askFor(3, a, operations["AddAsync"])
		},
		ends: "SessionID",
	},
	"waiting for room": {
		options: "max_async=1",
		prepare: func(t *testing.T, c *fakeCluster, _ *DB, a api) {
			warm(t, a)
			c.ignores(isWrite)
			askFor(3, a, operations["AddAsync"])
		},
		ends: "SessionID, Ping",
	},
}

// Every operation that a Close ends says so, whatever it waits for.
func TestCloseEndsOperations(t *testing.T) {
	for loop, l := range loops {
		for name, operation := range operations {
			for kind, newContext := range contexts {
				for _, of := range []string{"DB", "Conn of a DB", "Conn"} {
					if of != "DB" && kind != "endless" {
						continue // it makes no difference to the DB's
					}
					t.Run(strings.Join([]string{loop, name, kind, of}, "/"), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							ctx, cancel := newContext()
							defer cancel()
							closesWhileStuck(t, l, name, of, func(a api) error { return operation(ctx, a) })
						})
					})
				}
			}
		}
	}
}

func closesWhileStuck(t *testing.T, l stuck, name, of string, operation func(api) error) {
	c := newFakeCluster(1)
	db := l.open(t, c)
	defer db.Close()
	var a, closed api = db, db
	if of != "DB" {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if a = conn; of == "Conn" {
			closed = conn
		}
	}
	l.prepare(t, c, db, a)
	ended := make(chan error, 1)
	go func() { ended <- operation(a) }()
	<-time.After(100 * time.Millisecond) // into a pause, where there is one
	synctest.Wait()
	if len(ended) > 0 {
		if name != "Flush" && !strings.Contains(l.ends, name) {
			t.Errorf("it was not stuck: %v", <-ended)
		}
		return
	}
	began := time.Now()
	_ = closed.Close() // what was given up is not this test's
	err := <-ended
	wantErr(t, err, ErrClosed)
	// What a Conn has in flight at a server that hangs, ends with the connection.
	if took := time.Since(began); took > closeTimeout && (of != "Conn" || took > closeTimeout+2*silence) {
		t.Errorf("it ended %v after the Close", took)
	}
	if strings.Contains(name, "Get") || name == "Ping" || name == "SessionID" {
		wantNot(t, err, ErrOutcomeUnknown)
	}
	wantErr(t, operation(a), ErrClosed)
}

// open returns a handle with the loop's options.
func (l stuck) open(t *testing.T, c *fakeCluster) *DB {
	if l.dsn == "" {
		db, err := Open("dsm://a:1/?" + l.options)
		if err != nil {
			t.Fatal(err)
		}
		db.pool.source.(*servers).options.DialContext = c.dial
		c.waits.Do(func() { t.Cleanup(c.wait) })
		return db
	}
	db, err := Open(l.dsn)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// A write that was sent and one that was not are told apart by Close.
func TestCloseSaysWhatIsCertain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		ended := make(chan error, 6)
		c.ignores(func(r *wire.Request) bool { return r.Command.Op == wire.OpOpenSession })
		for range 3 {
			go func() { ended <- second(db.Set(context.Background(), "k", nil)) }() //nolint:usetesting // one that cannot end
		}
		synctest.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		for range 3 {
			err := <-ended
			wantErr(t, err, ErrClosed)
			wantNot(t, err, ErrOutcomeUnknown)
		}

		db = c.open(t, "")
		c.nodes["a:1"].set(func(n *fakeNode) { n.faults = nil })
		warm(t, db)
		c.ignores(isWrite)
		for range 3 {
			go func() { ended <- second(db.Set(context.Background(), "k", nil)) }() //nolint:usetesting // one that cannot end
		}
		synctest.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		for range 3 {
			wantErr(t, <-ended, ErrClosed, ErrOutcomeUnknown)
		}
	})
}

// A second Close waits for the first and returns the same error, of a DB and of a
// Conn.
func TestCloseTwice(t *testing.T) {
	for _, of := range []string{"DB", "Conn"} {
		t.Run(of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(1)
				db := c.open(t, "")
				var a api = db
				if of == "Conn" {
					conn, err := db.Conn(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					a = conn
				} else {
					t.Cleanup(func() { db.closed.err = nil }) // for the test's own Close
				}
				warm(t, a)
				c.ignores(anything)
				a.AddAsync(t.Context(), "n", 1)
				errs := make(chan error, 2)
				for range cap(errs) {
					go func() { errs <- a.Close() }()
				}
				synctest.Wait()
				if len(errs) > 0 {
					t.Error("a Close has not waited")
				}
				first := <-errs
				if second := <-errs; !errors.Is(first, ErrAbandoned) || second != first { //nolint:errorlint // the very same
					t.Errorf("%v, then %v", first, second)
				}
				if third := a.Close(); third != first { //nolint:errorlint // as above
					t.Errorf("%v, then %v", first, third)
				}
			})
		})
	}
}

// A session that is opened while its handle is closed does not stay in the group.
func TestCloseWhileOpening(t *testing.T) {
	for _, of := range []string{"DB", "Conn"} {
		t.Run(of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(1)
				db := c.open(t, "")
				var a api = db
				if of == "Conn" {
					conn, err := db.Conn(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					a = conn
				}
				c.nodes["a:1"].set(func(n *fakeNode) {
					n.delay = func(r *wire.Request) time.Duration {
						if r.Command.Op == wire.OpOpenSession {
							return closeTimeout / 2
						}
						return 0
					}
				})
				ended := make(chan error, 1)
				go func() { ended <- second(a.Set(t.Context(), "k", nil)) }()
				synctest.Wait()
				if err := a.Close(); err != nil {
					t.Error(err)
				}
				wantErr(t, <-ended, ErrClosed)
				if opened, left := c.group.count(wire.OpOpenSession), len(c.group.sessions); opened != 1 || left != 0 {
					t.Errorf("%d sessions were opened, %d are left", opened, left)
				}
			})
		})
	}
}

// A session that is opened after its Conn has been closed is closed in the group too.
func TestConnClosedBeforeItsSessionIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		c.nodes["a:1"].delay = func(r *wire.Request) time.Duration {
			if r.Kind == wire.RequestWrite && r.Command.Op == wire.OpOpenSession {
				return 2 * closeTimeout
			}
			return 0
		}
		db := c.open(t, "")
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		set := make(chan error)
		go func() { set <- second(conn.Set(t.Context(), "k", nil)) }()
		synctest.Wait()
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		wantErr(t, <-set, ErrClosed)
		if n := c.group.count(wire.OpCloseSession); n != 1 {
			t.Errorf("%d sessions were closed", n)
		}
	})
}
