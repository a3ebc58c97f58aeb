package driver

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// turnWaiter is an update that has asked for a turn.
type turnWaiter struct {
	u   *update
	err chan error
}

// takeLater has an update ask for a turn, and returns when it waits for it or has it.
func takeLater(ctx context.Context, h *handle, key string) *turnWaiter {
	w := &turnWaiter{u: &update{h: h, ctx: ctx}, err: make(chan error, 1)}
	go func() { w.err <- w.u.take(key) }()
	synctest.Wait()
	return w
}

// has reports whether its wait has ended.
func (w *turnWaiter) has() bool {
	synctest.Wait()
	return len(w.err) > 0
}

// inTurns runs a test with a handle.
func inTurns(t *testing.T, what func(t *testing.T, db *DB)) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeCluster(1).open(t, "")
		what(t, db)
		if len(db.turns.of) != 0 || db.turns.taken.Load() != 0 {
			t.Errorf("%d turns are left, %d are counted", len(db.turns.of), db.turns.taken.Load())
		}
	})
}

// Who asks first has a turn first; those of other keys wait for none.
func TestTurnsComeInOrder(t *testing.T) {
	inTurns(t, func(t *testing.T, db *DB) {
		var all []*turnWaiter
		for range 4 {
			all = append(all, takeLater(t.Context(), db.handle, "k"))
		}
		other := takeLater(t.Context(), db.handle, "other")
		if !other.has() || other.u.turn == nil || other.u.fresh || db.turns.taken.Load() != 2 {
			t.Errorf("another key: %+v, %d taken", other.u, db.turns.taken.Load())
		}
		other.u.leave()
		for i, w := range all {
			for j, later := range all[i:] {
				if later.has() != (j == 0) {
					t.Errorf("%d has its turn: %v, when it is that of %d", i+j, j != 0, i)
				}
			}
			if <-w.err != nil || w.u.turn == nil || w.u.fresh != (i > 0) {
				t.Errorf("%d: %+v", i, w.u)
			}
			w.u.leave()
			w.u.leave() // which has none any more
		}
	})
}

// One whose context ends, or whose handle is closed, is passed over.
func TestTurnsAreGivenUp(t *testing.T) {
	inTurns(t, func(t *testing.T, db *DB) {
		ctx, cancel := context.WithCancel(t.Context())
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first := takeLater(t.Context(), db.handle, "k")
		second, third, last := takeLater(ctx, db.handle, "k"), takeLater(t.Context(), conn.handle, "k"), takeLater(t.Context(), db.handle, "k")
		cancel()
		wantErr(t, <-second.err, context.Canceled, ErrUnavailable)
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		wantErr(t, <-third.err, ErrClosed)
		if last.has() {
			t.Error("the last one has the turn of the first")
		}
		first.u.leave()
		if err := <-last.err; err != nil || last.u.turn == nil {
			t.Errorf("%v", err)
		}
		// A turn that comes while its update gives up goes to the next.
		mine := make(chan struct{})
		last.u.turn.waiting = append(last.u.turn.waiting, mine)
		next := takeLater(t.Context(), db.handle, "k")
		one := last.u.turn
		last.u.leave()
		db.turns.cancel(one, mine)
		if err := <-next.err; err != nil || next.u.turn != one {
			t.Errorf("%v, %+v", err, next.u)
		}
		next.u.leave()
	})
}

// A DB that is closed ends the waits.
func TestTurnsEndWithTheDB(t *testing.T) {
	inTurns(t, func(t *testing.T, db *DB) {
		first, second := takeLater(t.Context(), db.handle, "k"), takeLater(t.Context(), db.handle, "k")
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		wantErr(t, <-second.err, ErrClosed)
		first.u.leave()
	})
}

// Those who wait are patient with each that has the turn, and not in all.
func TestTurnsEndInTime(t *testing.T) {
	inTurns(t, func(t *testing.T, db *DB) {
		first, second, third := takeLater(t.Context(), db.handle, "k"), takeLater(t.Context(), db.handle, "k"), takeLater(t.Context(), db.handle, "k")
		time.Sleep(turnPatience - time.Microsecond) //nolint:forbidigo // in a bubble
		if second.has() {
			t.Error("it does not wait")
		}
		first.u.leave()
		if err := <-second.err; err != nil {
			t.Error(err)
		}
		time.Sleep(turnPatience - time.Microsecond) //nolint:forbidigo // in a bubble
		if third.has() {
			t.Error("it is impatient with one that has just begun")
		}
		time.Sleep(time.Microsecond) //nolint:forbidigo // in a bubble
		if !third.has() || <-third.err != nil || !third.u.impatient || third.u.turn != nil || third.u.fresh {
			t.Errorf("%+v", third.u)
		}
		second.u.leave()
	})
}

// An update waits for those that take turns over what it has read, once.
func TestTurnsOfOthers(t *testing.T) {
	inTurns(t, func(t *testing.T, db *DB) {
		txn := wire.Txn{If: []wire.Cond{{Kind: wire.CondVersion, Key: "a"}, {Kind: wire.CondVersion, Key: "k"}}, Then: []wire.TxnOp{{Key: "other"}}}
		u := &update{h: db.handle, ctx: t.Context()}
		if _, taken := u.others(&txn); taken {
			t.Error("there are none")
		}
		other := takeLater(t.Context(), db.handle, "other")
		if _, taken := u.others(&txn); taken {
			t.Error("what it writes is taken for what it has read")
		}
		first := takeLater(t.Context(), db.handle, "k")
		if key, taken := u.others(&txn); !taken || key != "k" {
			t.Errorf("%q, %v", key, taken)
		}
		if _, taken := first.u.others(&txn); taken {
			t.Error("the one that has the turn waits")
		}
		u.impatient = true
		if _, taken := u.others(&txn); taken {
			t.Error("one that has waited in vain waits again")
		}
		first.u.leave()
		other.u.leave()
	})
}

// An update asks for its turn after three conflicts, waits no longer once it has come, and
// leaves it in the end.
func TestUpdateTakesItsTurn(t *testing.T) {
	inTurns(t, func(t *testing.T, db *DB) {
		var had []bool
		runs := 0
		err := db.Update(t.Context(), func(tx *Tx) error {
			_, err := tx.Get("k")
			if err != nil && runs > 0 {
				return err
			}
			db.turns.mu.Lock()
			had = append(had, db.turns.of["k"] != nil)
			db.turns.mu.Unlock()
			if runs++; runs < 5 {
				if _, err := db.Set(t.Context(), "k", []byte("v")); err != nil {
					return err
				}
			}
			return tx.Set("other", nil)
		})
		if want := []bool{false, false, false, true, true}; err != nil || !slices.Equal(had, want) {
			t.Errorf("%v, want %v, %v", had, want, err)
		}
	})
}
