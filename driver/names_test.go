package driver

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
)

// fakeNames is a resolver. A name that it does not have is not answered.
type fakeNames struct {
	mu    sync.Mutex // guards all below
	addrs map[string][]string
	err   map[string]error
	asked map[string]int
}

func (n *fakeNames) set(name string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs[name] = addrs
}

func (n *fakeNames) lookup(ctx context.Context, host string) ([]string, error) {
	n.mu.Lock()
	n.asked[host]++
	addrs, err := n.addrs[host], n.err[host]
	n.mu.Unlock()
	if addrs == nil && err == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return addrs, err
}

func (n *fakeNames) times(host string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[host]
}

// openNamed returns a handle on nodes at the addresses 10.0.0.1 to 10.0.0.n, port 1,
// by a data source name, and what resolves names for it.
func openNamed(t *testing.T, n int, dsn string) (*DB, *fakeCluster, *fakeNames) {
	t.Helper()
	c := newFakeCluster(n)
	for i := range n {
		old, addr := string(rune('a'+i))+":1", fmt.Sprintf("10.0.0.%d:1", i+1)
		c.nodes[addr] = c.nodes[old]
		delete(c.nodes, old)
		c.nodes[addr].addr = addr
	}
	names := &fakeNames{addrs: make(map[string][]string), err: make(map[string]error), asked: make(map[string]int)}
	db, err := Open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s := db.pool.source.(*servers)
	s.options.DialContext, s.options.Lookup = c.dial, names.lookup
	t.Cleanup(c.wait)
	closeLater(t, db)
	return db, c, names
}

// Every address of a name is a server of its own: one that hangs, or refuses, costs
// little while another is well.
func TestNameWithSeveralAddresses(t *testing.T) {
	for name, how := range map[string]func(*fakeNode){
		"hangs": hangs, "unreachable": unreachable, "refuses": func(n *fakeNode) { n.down = true },
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				synctest.Test(t, func(t *testing.T) {
					db, c, names := openNamed(t, 2, "dsm://two:1")
					names.set("two", "10.0.0.1", "10.0.0.2", "10.0.0.1", "::ffff:10.0.0.2")
					c.nodes["10.0.0.1:1"].set(how)
					began := time.Now()
					if _, err := db.Add(t.Context(), "n", 1); err != nil || time.Since(began) > session.HeadStart {
						t.Errorf("%v after %v", err, time.Since(began))
					}
					if s := db.Stats(); s.Server != "10.0.0.2:1" {
						t.Errorf("%+v", s)
					}
					// The other's penalty goes on, and this one's begins.
					c.nodes["10.0.0.1:1"].set(func(n *fakeNode) { n.down, n.mute, n.lost, n.faults = false, false, false, nil })
					c.nodes["10.0.0.2:1"].stop()
					began = time.Now()
					if sum, err := db.Add(t.Context(), "n", 1); err != nil || sum != 2 || time.Since(began) > 100*time.Millisecond {
						t.Errorf("%d, %v after %v", sum, err, time.Since(began))
					}
				})
			}
		})
	}
}

// Many addresses that hang cost little more than one.
func TestNameOfManyThatHang(t *testing.T) {
	for range 10 {
		synctest.Test(t, func(t *testing.T) {
			const all = 20
			db, c, names := openNamed(t, all, "dsm://many:1")
			var addrs []string
			for i := range all {
				addrs = append(addrs, fmt.Sprintf("10.0.0.%d", i+1))
				if i > 0 {
					c.nodes[addrs[i]+":1"].set(hangs)
				}
			}
			names.set("many", addrs...)
			began := time.Now()
			if _, err := db.Add(t.Context(), "n", 1); err != nil || time.Since(began) > 4*session.HeadStart {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	}
}

// Addresses come and go, as those of a headless service: a name is looked up again,
// and what it stood for once is not tried any more.
func TestNameMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, c, names := openNamed(t, 3, "dsm://service:1")
		names.set("service", "10.0.0.1", "10.0.0.2")
		if _, err := db.Add(t.Context(), "n", 1); err != nil {
			t.Fatal(err)
		}
		for _, addr := range []string{"10.0.0.1:1", "10.0.0.2:1"} {
			c.nodes[addr].set(func(n *fakeNode) { unreachable(n); n.breakLocked() }) // a pod that is gone
		}
		names.set("service", "10.0.0.3")
		began := time.Now()
		if sum, err := db.Add(t.Context(), "n", 1); err != nil || sum != 2 || time.Since(began) > session.HeadStart {
			t.Errorf("%d, %v after %v", sum, err, time.Since(began))
		}
		if s := db.Stats(); s.Server != "10.0.0.3:1" {
			t.Errorf("%+v", s)
		}
	})
}

// A look-up that hangs or fails does not hold up what is known, and nothing is
// looked up for an address.
func TestLookupFails(t *testing.T) {
	for name, err := range map[string]error{"hangs": nil, "fails": &net.DNSError{Err: "server misbehaving", IsTemporary: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db, c, names := openNamed(t, 3, "dsm://two:1,away:1,10.0.0.3:1")
				names.err["away"] = err
				c.nodes["10.0.0.3:1"].down = true // so that the others are needed
				names.set("two", "10.0.0.1", "10.0.0.2")
				if _, err := db.Add(t.Context(), "n", 1); err != nil {
					t.Fatal(err)
				}
				names.mu.Lock()
				delete(names.addrs, "two")
				names.err["two"] = err
				names.mu.Unlock()
				c.nodes[db.Stats().Server].stop()
				began := time.Now()
				if sum, err := db.Add(t.Context(), "n", 1); err != nil || sum != 2 || time.Since(began) > 2*session.ResolutionDelay {
					t.Errorf("%d, %v after %v", sum, err, time.Since(began))
				}
				if names.times("two") < 2 || names.times("10.0.0.3") != 0 {
					t.Errorf("asked %v", names.asked)
				}
			})
		})
	}
}

// A look-up that does not even end with its context holds up nobody.
func TestLookupIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, _ := openNamed(t, 1, "dsm://stuck:1,10.0.0.1:1")
		free := make(chan struct{})
		defer close(free)
		db.pool.source.(*servers).options.Lookup = func(context.Context, string) ([]string, error) {
			<-free
			return nil, context.Canceled
		}
		began := time.Now()
		if _, err := db.Add(t.Context(), "n", 1); err != nil || time.Since(began) > session.ResolutionDelay {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A name may have more addresses than anybody would try.
func TestNameWithManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, c, names := openNamed(t, 1, "dsm://many:1")
		var many []string
		for i := range 1000 {
			many = append(many, fmt.Sprintf("10.0.1.%d", i))
		}
		names.set("many", many...)
		c.nodes["10.0.0.1:1"].stop()
		dialled := make(map[string]bool)
		db.pool.source.(*servers).options.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) {
			dialled[addr] = true // one at a time, since each fails at once
			return nil, syscall.ECONNREFUSED
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := db.Get(ctx, "k")
		wantErr(t, err, ErrUnavailable)
		if len(dialled) != 64 {
			t.Errorf("%d addresses were dialled", len(dialled))
		}
	})
}

// Members' advertised names are looked up too.
func TestRegistryTellsNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, c, names := openNamed(t, 2, "dsm+registry://registry:1")
		names.set("registry", "10.0.9.1", "10.0.9.2")
		names.set("a", "10.0.0.1", "10.0.0.2")
		names.err["b"] = &net.DNSError{Err: "no such host", IsNotFound: true}
		c.nodes["10.0.0.1:1"].set(hangs)
		dial := db.pool.source.(*servers).options.DialContext
		db.pool.source.(*servers).options.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			switch addr {
			case "10.0.9.1:1": // hangs
				here, there := net.Pipe()
				go func() { _, _ = there.Read(make([]byte, 1<<10)) }()
				return here, nil
			case "10.0.9.2:1":
				here, there := net.Pipe()
				go tellView(there)
				return here, nil
			}
			return dial(ctx, network, addr)
		}
		began := time.Now()
		if _, err := db.Add(t.Context(), "n", 1); err != nil || time.Since(began) > session.HeadStart {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// A handle that fails fast says why as soon as it is certain that there is no
// server; any other goes on trying.
func TestFailFast(t *testing.T) {
	notFound := &net.DNSError{Err: "no such host", Name: "nowhere", IsNotFound: true}
	for name, tc := range map[string]struct {
		dsn     string
		prepare func(*fakeCluster, *fakeNames)
		atOnce  bool
		says    string
	}{
		"refused": {"dsm://10.0.0.1:1,10.0.0.2:1", func(c *fakeCluster, _ *fakeNames) {
			c.nodes["10.0.0.1:1"].down, c.nodes["10.0.0.2:1"].down = true, true
		}, true, "connection refused"},
		"no such name": {"dsm://nowhere:1", func(_ *fakeCluster, n *fakeNames) { n.err["nowhere"] = notFound }, true, "no such host"},
		"no such name, and refused": {"dsm://nowhere:1,10.0.0.1:1", func(c *fakeCluster, n *fakeNames) {
			n.err["nowhere"] = notFound
			c.nodes["10.0.0.1:1"].down = true
		}, true, "no such host"},
		"every address of a name refused": {"dsm://two:1", func(c *fakeCluster, n *fakeNames) {
			n.set("two", "10.0.0.1", "10.0.0.2")
			c.nodes["10.0.0.1:1"].down, c.nodes["10.0.0.2:1"].down = true, true
		}, true, "10.0.0.2:1"},
		"the registry refused": {"dsm+registry://10.0.0.1:1", func(c *fakeCluster, _ *fakeNames) { c.nodes["10.0.0.1:1"].down = true }, true, "connection refused"},
		"one hangs": {"dsm://10.0.0.1:1,10.0.0.2:1", func(c *fakeCluster, _ *fakeNames) {
			c.nodes["10.0.0.1:1"].down = true
			hangs(c.nodes["10.0.0.2:1"])
		}, false, ""},
		"the look-up fails": {"dsm://nowhere:1", func(_ *fakeCluster, n *fakeNames) {
			n.err["nowhere"] = &net.DNSError{Err: "server misbehaving", IsTemporary: true}
		}, false, "server misbehaving"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, fast := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					db, c, names := openNamed(t, 2, fmt.Sprintf("%s?fail_fast=%v", tc.dsn, fast))
					tc.prepare(c, names)
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					defer cancel()
					began := time.Now()
					_, err := db.Set(ctx, "k", nil)
					wantErr(t, err, ErrUnavailable)
					wantNot(t, err, ErrOutcomeUnknown)
					took := time.Since(began)
					if atOnce := took < time.Second; atOnce != (tc.atOnce && fast) || !strings.Contains(err.Error(), tc.says) {
						t.Errorf("fast %v: %v after %v", fast, err, took)
					}
				})
			}
		})
	}
}

// What accepts connections and closes them without an answer, as a proxy does that has
// nobody behind it, is no server either, be it in the place of a node or a registry.
func TestFailFastWhereConnectionsAreClosed(t *testing.T) {
	for _, dsn := range []string{"dsm://10.0.0.1:1", "dsm+registry://10.0.0.1:1"} {
		for _, fast := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				db, _, _ := openNamed(t, 1, fmt.Sprintf("%s?fail_fast=%v", dsn, fast))
				db.pool.source.(*servers).options.DialContext = func(context.Context, string, string) (net.Conn, error) {
					here, there := net.Pipe()
					go func() {
						_, _ = there.Read(make([]byte, 4096))
						_ = there.Close()
					}()
					return here, nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				began := time.Now()
				_, err := db.Set(ctx, "k", nil)
				wantErr(t, err, ErrUnavailable)
				wantNot(t, err, ErrOutcomeUnknown)
				if took := time.Since(began); took < time.Second != fast {
					t.Errorf("%s, fast %v: %v after %v", dsn, fast, err, took)
				}
			})
		}
	}
}

// Failing fast ends what is issued without being waited for too, and is no end: the
// next operation tries again.
func TestFailFastAsync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, c, _ := openNamed(t, 1, "dsm://10.0.0.1:1?fail_fast=true")
		c.nodes["10.0.0.1:1"].down = true
		began := time.Now()
		wantErr(t, second(db.SetAsync(t.Context(), "k", nil).Wait(t.Context())), ErrUnavailable)
		_ = db.Flush(t.Context()) // it was told already
		if took := time.Since(began); took > time.Second {
			t.Errorf("after %v", took)
		}
		c.nodes["10.0.0.1:1"].set(func(n *fakeNode) { n.down = false })
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Error(err)
		}
	})
}

// What listens where a registry was looked for is told at once.
func TestNoRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, _ := openNamed(t, 1, "dsm+registry://10.0.0.1:1")
		began := time.Now()
		_, err := db.Get(t.Context(), "k")
		wantErr(t, err, ErrProtocol)
		if !strings.Contains(err.Error(), "a node listens at 10.0.0.1:1, not a registry: use dsm://10.0.0.1:1") || time.Since(began) > 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
