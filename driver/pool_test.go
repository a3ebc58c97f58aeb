package driver

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

func timeAfterTTL() <-chan time.Time { return time.After(2 * time.Minute) }

// slowly has the node take a second for every read.
func slowly(n *fakeNode) {
	n.delay = func(r *wire.Request) time.Duration {
		if r.Kind == wire.RequestGet {
			return time.Second
		}
		return 0
	}
}

// Another connection is opened only when all are at their limits, and callers
// wait only when no more may be opened.
func TestPoolLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		n := c.nodes["a:1"]
		slowly(n)
		// One of the four requests that are allowed is kept for pings.
		db := c.open(t, "max_in_flight=4&max_open_conns=2&max_idle_conns=2")
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		get := func() {
			all.Go(func() {
				_, err := db.Get(t.Context(), "k")
				wantErr(t, err, ErrNotFound)
			})
			synctest.Wait()
		}
		for range 3 {
			get()
		}
		if s := db.Stats(); s.OpenConns != 1 || s.InUse != 1 || s.WaitCount != 0 {
			t.Errorf("with 3: %+v", s)
		}
		for range 3 {
			get()
		}
		if s := db.Stats(); s.OpenConns != 2 || s.InUse != 2 || s.WaitCount != 0 {
			t.Errorf("with 6: %+v", s)
		}
		for range 6 {
			get()
			<-time.After(time.Millisecond)
		}
		all.Wait()
		s := db.Stats()
		if s.OpenConns != 2 || s.Idle != 2 || s.WaitCount != 6 || s.WaitDuration < 5*time.Second || s.WaitDuration > 6*time.Second {
			t.Errorf("at the end: %+v", s)
		}
		if n.dials != 2 {
			t.Errorf("%d connections were opened", n.dials)
		}
	})
}

// If fewer connections are allowed, those with requests in flight are kept.
func TestPoolKeepsBusyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		slowly(c.nodes["a:1"])
		db := c.open(t, "max_in_flight=2&max_open_conns=2&max_idle_conns=2")
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				_, err := db.Get(t.Context(), "k")
				wantErr(t, err, ErrNotFound)
			})
			<-time.After(500 * time.Millisecond)
		}
		<-time.After(100 * time.Millisecond)
		if s := db.Stats(); s.OpenConns != 2 || s.InUse != 1 {
			t.Errorf("the second request is in flight: %+v", s)
		}
		db.SetMaxOpenConns(1)
		if s := db.Stats(); s.OpenConns != 1 || s.InUse != 1 {
			t.Errorf("one connection is allowed: %+v", s)
		}
		all.Wait()
	})
}

// Those who wait are served in the order in which they came.
func TestPoolIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		n := c.nodes["a:1"]
		slowly(n)
		db := c.open(t, "max_in_flight=2&max_open_conns=1")
		var all sync.WaitGroup
		var want []string
		for i := range 20 {
			key := fmt.Sprint("k", i)
			want = append(want, key)
			all.Go(func() {
				_, err := db.Get(t.Context(), key)
				wantErr(t, err, ErrNotFound)
			})
			synctest.Wait()
		}
		all.Wait()
		var asked []string
		for _, r := range n.requests() {
			if r.Kind != wire.RequestPing {
				asked = append(asked, r.Key)
			}
		}
		if !slices.Equal(asked, want) {
			t.Errorf("served %v", asked)
		}
	})
}

// Who goes away while waiting leaves the place to the next.
func TestPoolWaiterLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		slowly(c.nodes["a:1"])
		db := c.open(t, "max_in_flight=2&max_open_conns=1")
		var all sync.WaitGroup
		get := func(timeout time.Duration, want error) {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				_, err := db.Get(ctx, "k")
				wantErr(t, err, want)
			})
			synctest.Wait()
		}
		get(time.Hour, ErrNotFound)
		get(500*time.Millisecond, ErrUnavailable)
		get(time.Second, ErrUnavailable)
		get(time.Hour, ErrNotFound)
		all.Wait()
		if s := db.Stats(); s.WaitCount != 3 || s.WaitDuration != 2500*time.Millisecond {
			t.Errorf("waits, of which two were given up: %+v", s)
		}
		if _, err := db.Get(t.Context(), "k"); err == nil {
			t.Error("a value")
		}
	})
}

// A wait for a busy connection does not return why there was none earlier.
func TestPoolForgetsWhyItCouldNotConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		n := c.nodes["a:1"]
		db := c.open(t, "max_in_flight=2&max_open_conns=1")
		get := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := db.Get(ctx, "k")
			return err
		}
		n.stop()
		wantErr(t, get(), ErrUnavailable, syscall.ECONNREFUSED)
		n.set(func(n *fakeNode) { n.down = false })
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		held, err := db.pool.get(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		err = get()
		db.pool.put(held)
		wantErr(t, err, ErrUnavailable)
		wantNot(t, err, syscall.ECONNREFUSED)
	})
}

// A link that comes for a caller who is just going away goes to the next.
func TestPoolGrantMeetsLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "max_in_flight=2&max_open_conns=1")
		p := db.pool
		held, err := p.get(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		leaving := &waiter{got: make(chan grant, 1)}
		p.mu.Lock()
		p.waiters = append(p.waiters, leaving)
		p.waiting.Add(1)
		p.mu.Unlock()
		p.put(held)
		if len(leaving.got) != 1 {
			t.Fatal("the link was not handed over")
		}
		wantErr(t, p.leave(leaving, context.Canceled), context.Canceled)
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Error(err)
		}
	})
}

func TestPoolIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		n := c.nodes["a:1"]
		slowly(n)
		db := c.open(t, "max_in_flight=2&max_open_conns=5")
		burst := func(size int) {
			var all sync.WaitGroup
			for range size {
				all.Go(func() { _, _ = db.Get(t.Context(), "k") })
			}
			all.Wait()
			synctest.Wait()
		}
		wantOpen := func(when string, open int) {
			t.Helper()
			if s := db.Stats(); s.OpenConns != open {
				t.Errorf("%s: %+v, want %d open", when, s, open)
			}
			if n := n.connected(); n != open {
				t.Errorf("%s: %d connections at the server, want %d", when, n, open)
			}
		}
		burst(5)
		wantOpen("after a burst of 5 with 4 kept idle", 4)
		db.SetMaxIdleConns(1)
		synctest.Wait()
		wantOpen("with 1 kept idle", 1)
		burst(3)
		wantOpen("after a burst of 3", 1)
		<-time.After(7 * time.Minute)
		wantOpen("after the idle time", 0)
		db.SetConnMaxIdleTime(0)
		burst(1)
		<-time.After(time.Hour)
		wantOpen("without an idle time", 1)
		db.SetConnMaxLifetime(time.Minute)
		synctest.Wait()
		wantOpen("with a lifetime", 0)
		burst(1)
		<-time.After(50 * time.Second)
		wantOpen("before the lifetime ends", 1)
		<-time.After(30 * time.Second)
		wantOpen("after the lifetime", 0)
		db.SetMaxOpenConns(2)
		db.SetMaxIdleConns(9)
		burst(9)
		wantOpen("with 2 allowed", 2)
	})
}

// connected returns how many connections have not been closed by the client.
func (n *fakeNode) connected() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	open := 0
	for conn, writing := range n.conns {
		writing.Lock()
		if _, err := conn.Write(nil); err == nil {
			open++
		}
		writing.Unlock()
	}
	return open
}

// A handle stays with its server, and moves when that breaks or leaves.
func TestFailOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(3)
		db := c.open(t, "")
		servers := make(map[string]bool)
		for i := range 6 {
			for range 10 {
				if _, err := db.Add(t.Context(), "n", 1); err != nil {
					t.Fatal(err)
				}
			}
			s := db.Stats()
			if s.FailOvers != uint64(i) || s.OpenConns != 1 {
				t.Errorf("round %d: %+v", i, s)
			}
			servers[s.Server] = true
			n := c.nodes[s.Server]
			if i%2 == 0 {
				n.goAway()
				synctest.Wait()
				if now := n.connected(); now != 0 {
					t.Errorf("round %d: %d connections to a node that is leaving", i, now)
				}
				continue
			}
			n.set(func(n *fakeNode) { n.breakLocked() })
			synctest.Wait()
		}
		if len(servers) < 2 {
			t.Errorf("only %v", servers)
		}
		if got, err := db.Get(t.Context(), "n"); err != nil || string(got.Data) != "60" {
			t.Errorf("%q, %v", got.Data, err)
		}
	})
}

// A node that is leaving still answers what is in flight.
func TestGoAwayAnswersInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		n := c.nodes["a:1"]
		slowly(n)
		db := c.open(t, "")
		ended := make(chan error)
		go func() {
			_, err := db.Get(t.Context(), "k")
			ended <- err
		}()
		synctest.Wait()
		n.goAway()
		wantErr(t, <-ended, ErrNotFound)
		if s := db.Stats(); s.Retries != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A server that says nothing any more is given up, also while it holds the
// connection open.
func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		db := c.open(t, "ping_interval=1s")
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		c.nodes[db.Stats().Server].set(func(n *fakeNode) {
			n.faults = func(*wire.Request) fault { return faultIgnore }
		})
		began := time.Now()
		if _, err := db.Get(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < time.Second || took > 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// A slow answer is waited for as long as the node answers pings.
func TestSlowIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(2)
		for _, n := range c.nodes {
			n.delay = func(r *wire.Request) time.Duration {
				if r.Command.Op == wire.OpSet {
					return 20 * time.Second
				}
				return 0
			}
		}
		db := c.open(t, "ping_interval=1s")
		if _, err := db.Set(t.Context(), "k", nil); err != nil {
			t.Error(err)
		}
		if s := db.Stats(); s.Retries != 0 || s.FailOvers != 0 {
			t.Errorf("%+v", s)
		}
	})
}
