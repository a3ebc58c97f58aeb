package driver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// givenUp returns how many writes a Close says that it has given up.
func givenUp(t *testing.T, err error) AbandonedError {
	t.Helper()
	var abandoned *AbandonedError
	switch {
	case err == nil:
		return AbandonedError{}
	case !errors.As(err, &abandoned) || !errors.Is(err, ErrAbandoned):
		t.Errorf("%v, want an *AbandonedError", err)
		return AbandonedError{}
	}
	return *abandoned
}

// What was issued and is not in the group when Close returns, Close counts.
func TestCloseCountsWhatItGivesUp(t *testing.T) {
	for _, of := range []string{"DB", "Conn", "Conn of a DB"} {
		t.Run(of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeCluster(1)
				db := c.open(t, "max_in_flight=1000")
				t.Cleanup(func() { db.closed.err = nil }) // for the test's own Close
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
				warm(t, a)
				var futures []*Future
				for i := range 3000 {
					if i == 50 {
						if err := a.Flush(t.Context()); err != nil {
							t.Fatal(err)
						}
						c.ignores(func(r *wire.Request) bool { return r.Command.Op == wire.OpAdd })
					}
					futures = append(futures, a.AddAsync(t.Context(), "n", 1))
				}
				synctest.Wait()
				err := closed.Close()
				lost, unknown := 0, 0
				for _, f := range futures {
					switch _, err := f.Wait(t.Context()); {
					case errors.Is(err, ErrOutcomeUnknown):
						wantErr(t, err, ErrClosed)
						unknown++
						lost++
					case err != nil:
						wantErr(t, err, ErrClosed)
						lost++
					}
				}
				if got := givenUp(t, err); got != (AbandonedError{lost, unknown}) || unknown == 0 || lost == unknown || lost != len(futures)-50 {
					t.Errorf("Close has given up %+v, %d of %d have no outcome, of %d that is not known", got, lost, len(futures), unknown)
				}
				if closed != a {
					// Each Conn says of its own writes what the DB says of all.
					if got := givenUp(t, a.Close()); got.Writes != lost {
						t.Errorf("then the Conn says %+v", got)
					}
				}
			})
		})
	}
}

// A DB counts the writes of all its Conns, but not those that a Conn has counted,
// and not those whose callers wait for them.
func TestCloseCountsEachWriteOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		t.Cleanup(func() { db.closed.err = nil }) // for the test's own Close
		warm(t, db)
		var conns []*Conn
		for range 3 {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			warm(t, conn)
			conns = append(conns, conn)
		}
		c.ignores(isWrite)
		db.AddAsync(t.Context(), "n", 1)
		for _, conn := range conns {
			conn.AddAsync(t.Context(), "n", 1)
			conn.SetAsync(t.Context(), "k", nil)
		}
		ended := make(chan error)
		go func() { ended <- second(db.Set(context.Background(), "k", nil)) }() //nolint:usetesting // one that cannot end
		synctest.Wait()
		if got := givenUp(t, conns[0].Close()); got.Writes != 2 {
			t.Errorf("a Conn has given up %+v", got)
		}
		if got := givenUp(t, db.Close()); got.Writes != 5 {
			t.Errorf("the DB has given up %+v", got)
		}
		wantErr(t, <-ended, ErrClosed, ErrOutcomeUnknown)
		if got := givenUp(t, conns[1].Close()); got.Writes != 2 {
			t.Errorf("another Conn has given up %+v", got)
		}
	})
}

// Close does not lose what a Flush would have returned.
func TestCloseReturnsUntoldFailures(t *testing.T) {
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
				a.SetAsync(t.Context(), "k", []byte("no number"))
				told := a.AddAsync(t.Context(), "k", 1)
				_, err := told.Wait(t.Context())
				wantErr(t, err, ErrNotInteger)
				a.CompareAndSetAsync(t.Context(), "k", nil, 12345)
				synctest.Wait()
				err = a.Close()
				wantErr(t, err, ErrConflict)
				wantNot(t, err, ErrNotInteger, ErrAbandoned)
			})
		})
	}
}

// A Flush that waits is ended by Close, even if all Futures are waited for.
func TestCloseEndsFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster(1)
		db := c.open(t, "")
		t.Cleanup(func() { db.closed.err = nil }) // for the test's own Close
		warm(t, db)
		c.ignores(isWrite)
		f := db.AddAsync(t.Context(), "n", 1)
		ended := make(chan error, 3)
		go func() { ended <- second(f.Wait(t.Context())) }()
		for range 2 {
			go func() { ended <- db.Flush(t.Context()) }()
		}
		synctest.Wait()
		if got := givenUp(t, db.Close()); got != (AbandonedError{1, 1}) {
			t.Errorf("%+v", got)
		}
		for range cap(ended) {
			wantErr(t, <-ended, ErrClosed, ErrOutcomeUnknown)
		}
		wantErr(t, db.Flush(t.Context()), ErrClosed)
	})
}
