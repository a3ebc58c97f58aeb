package driver

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
)

// A Conn for each request, never closed, comes to the client's own bound. The error
// says whose it is, Stats how many there are, and a Close makes room.
func TestConnsThatAreNotClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		c.group.most = 10
		db := c.open(t, "")
		var conns []*Conn
		for range 10 {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Set(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		one, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"a write":                second(one.Set(t.Context(), "k", nil)),
			"an asynchronous write":  second(one.SetAsync(t.Context(), "k", nil).Wait(t.Context())),
			"a request for the id":   second(one.SessionID(t.Context())),
			"the DB's own operation": second(db.Add(t.Context(), "n", 1)),
		} {
			wantErr(t, err, ErrTooManySessions, ErrTooManyOwnSessions)
			wantNot(t, err, ErrOutcomeUnknown, ErrUnavailable)
			if !strings.Contains(fmt.Sprint(err), "10") || !strings.Contains(fmt.Sprint(err), "close the Conns") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := one.Get(t.Context(), "k"); err != nil {
			t.Errorf("a read, which needs no session: %v", err)
		}
		if n := db.Stats().Sessions; n != 10 {
			t.Errorf("%d sessions", n)
		}
		if err := conns[0].Close(); err != nil {
			t.Error(err)
		}
		if n := db.Stats().Sessions; n != 9 {
			t.Errorf("%d sessions after a Close", n)
		}
		if _, err := one.Set(t.Context(), "k", nil); err != nil {
			t.Error(err)
		}
	})
}

// A handle calls itself after its process, or as its name says.
func TestClientName(t *testing.T) {
	for options, want := range map[string]string{
		"":              fmt.Sprintf("[%d]@", os.Getpid()),
		"client=orders": "orders",
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newFakeCluster(1)
			db := c.open(t, options)
			if err := db.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.group.mu.Lock()
			defer c.group.mu.Unlock()
			if got := c.group.client; !strings.Contains(got, want) || len(got) > 64 {
				t.Errorf("options %q: it calls itself %q, want %q", options, got, want)
			}
		})
	}
}

// The session of a Conn that is dropped without a Close is renewed no more once the
// Conn is collected. Those of others are.
func TestConnThatIsDropped(t *testing.T) {
	r := &fakeReplica{}
	r.serves.Store(true)
	db := OpenDB(r)
	closeLater(t, db)
	open := func() *Conn {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	kept := open()
	for range 10 {
		open()
	}
	for db.Stats().Sessions > 1 { // the test's own timeout ends it
		runtime.GC()
		runtime.Gosched()
	}
	if _, err := kept.Set(t.Context(), "k", nil); err != nil {
		t.Error(err)
	}
	runtime.GC()
	if n := db.Stats().Sessions; n != 1 {
		t.Errorf("%d sessions, and one Conn is in use", n)
	}
	runtime.KeepAlive(kept)
}
