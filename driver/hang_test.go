package driver

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// hangs has a node stop, as by SIGSTOP: connections stay open, new ones are
// accepted by its machine, nothing is ever answered.
func hangs(n *fakeNode) {
	n.mute = true
	n.faults = func(*wire.Request) fault { return faultIgnore }
}

// unreachable has all packets from and to a node get lost.
func unreachable(n *fakeNode) {
	hangs(n)
	n.lost = true
}

// silence is how long a node may say nothing with requests in flight: two ping
// intervals of a second.
const silence = 2 * time.Second

// A server that hangs costs an operation the time in which that is noticed, as
// long as another server is well.
func TestServerHangs(t *testing.T) {
	for name, how := range map[string]func(*fakeNode){"hangs": hangs, "unreachable": unreachable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(3)
				db := c.open(t, "")
				if _, err := db.Add(t.Context(), "n", 1); err != nil {
					t.Fatal(err)
				}
				add := func(what string, within time.Duration) {
					t.Helper()
					began := time.Now()
					_, err := db.Add(t.Context(), "n", 1)
					took := time.Since(began)
					if t.Logf("%s: %v", what, took); err != nil || took > within {
						t.Errorf("%s: %v after %v, want at most %v", what, err, took, within)
					}
				}
				c.nodes[db.Stats().Server].set(how)
				add("in flight", silence)
				add("afterwards", 0)
				c.nodes[db.Stats().Server].set(how)
				add("in flight, with another such server", silence+session.HeadStart)
				add("afterwards", 0)
				if sum, err := db.Add(t.Context(), "n", 1); err != nil || sum != 6 {
					t.Errorf("%d, %v", sum, err)
				}
			})
		})
	}
}

// A handle that is just opened finds the server that is well among others.
func TestServersHangAtFirst(t *testing.T) {
	for name, how := range map[string]func(*fakeNode){"hang": hangs, "unreachable": unreachable} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				synctest.Test(t, func(t *testing.T) {
					c := newFakeCluster(4)
					for _, addr := range []string{"a:1", "b:1", "c:1"} {
						c.nodes[addr].set(how)
					}
					db := c.open(t, "")
					began := time.Now()
					if _, err := db.Set(t.Context(), "k", nil); err != nil || time.Since(began) > 3*session.HeadStart {
						t.Errorf("%v after %v", err, time.Since(began))
					}
				})
			}
		})
	}
}

// Those who wait for one more connection to a server that hangs do not wait for
// it any longer than those whose requests are in flight.
func TestServerHangsWhileConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		db := c.open(t, "max_in_flight=2")
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		c.nodes[db.Stats().Server].set(hangs)
		var all sync.WaitGroup
		get := func() {
			all.Go(func() {
				if _, err := db.Get(t.Context(), "k"); err != nil {
					t.Error(err)
				}
			})
		}
		began := time.Now()
		get()
		<-time.After(silence - time.Millisecond) // the other one begins to connect just before the end
		get()
		all.Wait()
		if took := time.Since(began); took > silence {
			t.Errorf("took %v", took)
		}
		if s := db.Stats(); s.OpenConns == 0 || s.FailOvers != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// The others do not wait for a slow server, but one that is merely slow is used
// if there is no better.
func TestSlowHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		db := c.open(t, "")
		c.nodes["a:1"].far = 2 * time.Second
		for range 10 {
			if err := db.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s := db.Stats(); s.Server != "b:1" {
				t.Errorf("%+v", s)
			}
			c.nodes["b:1"].set(func(n *fakeNode) { n.breakLocked() })
			<-time.After(time.Minute)
		}
		c.nodes["b:1"].stop()
		began := time.Now()
		if err := db.Ping(t.Context()); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if n := c.nodes["a:1"].connected(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// A registry that cannot be reached costs a fail-over little: the servers known
// last are tried.
func TestRegistryIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		db, err := Open("dsm+registry://r:1")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.wait)
		closeLater(t, db)
		var away atomic.Bool
		var asked atomic.Int64
		db.pool.source.(*servers).options.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != "r:1" {
				return c.dial(ctx, network, addr)
			}
			asked.Add(1)
			if away.Load() {
				return nil, client.Sleep(ctx, time.Hour)
			}
			here, there := net.Pipe()
			go tellView(there)
			return here, nil
		}
		if _, err := db.Add(t.Context(), "n", 1); err != nil {
			t.Fatal(err)
		}
		away.Store(true)
		c.nodes[db.Stats().Server].stop()
		began := time.Now()
		if sum, err := db.Add(t.Context(), "n", 1); err != nil || sum != 2 || time.Since(began) > session.HeadStart {
			t.Errorf("%d, %v after %v", sum, err, time.Since(began))
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("the registry was asked %d times", n)
		}
	})
}

// tellView answers one request as a registry with two members does.
func tellView(conn net.Conn) {
	defer conn.Close()
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		return
	}
	const view = `{"group":"1","generation":"1","view":{"id":"1","members":[{"id":"a","clientAddr":"a:1"},{"id":"b","clientAddr":"b:1"}]}}`
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(view), view)
}
