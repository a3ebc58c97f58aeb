package driver

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// turnPatience bounds how long others wait for one that has the turn. It may be waiting for one
// of them: for an Update within its function.
const turnPatience = 500 * time.Millisecond

// turns has updates of a DB and its Conns that conflict over a variable go one after the
// other, first come first served.
type turns struct {
	taken atomic.Int64 // len(of)

	mu sync.Mutex // guards all below
	of map[string]*turn
}

// turn is that of one variable, by its key, or of a range, by the first key. One update has it.
type turn struct {
	key     string
	since   time.Time       // one update has it
	waiting []chan struct{} // each is closed when its update gets the turn
}

// take takes the turn of a key, after those who have asked for it before.
func (u *update) take(key string) error {
	t := &u.h.db.turns
	t.mu.Lock()
	if t.of == nil {
		t.of = make(map[string]*turn)
	}
	one := t.of[key]
	if one == nil {
		u.turn = &turn{key: key, since: time.Now()}
		t.of[key] = u.turn
		t.taken.Store(int64(len(t.of)))
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	one.waiting = append(one.waiting, mine)
	t.mu.Unlock()
	return u.await(one, mine)
}

// await waits for a turn.
func (u *update) await(one *turn, mine chan struct{}) error {
	patience := time.NewTimer(turnPatience)
	defer patience.Stop()
	for {
		select {
		case <-mine:
			u.turn, u.fresh = one, true
			return nil
		case <-patience.C:
			left := u.h.db.turns.left(one)
			if left > 0 {
				patience.Reset(left)
				continue
			}
			u.impatient = true
			u.h.db.turns.cancel(one, mine)
			return nil
		case <-u.ctx.Done():
			u.h.db.turns.cancel(one, mine)
			return u.h.unavailable(u.ctx.Err(), nil)
		case <-u.h.done:
		case <-u.h.db.done:
		}
		u.h.db.turns.cancel(one, mine)
		return ErrClosed
	}
}

// left returns how long those who wait are patient with the one that has the turn.
func (t *turns) left(one *turn) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return turnPatience - time.Since(one.since)
}

// cancel ends the wait for a turn.
func (t *turns) cancel(one *turn, mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(one.waiting, mine); i >= 0 {
		one.waiting = slices.Delete(one.waiting, i, i+1)
	} else {
		t.passLocked(one) // it has come meanwhile
	}
}

// leave passes the turn that the update has on.
func (u *update) leave() {
	if u.turn == nil {
		return
	}
	t := &u.h.db.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passLocked(u.turn)
	u.turn = nil
}

func (t *turns) passLocked(one *turn) {
	if len(one.waiting) > 0 {
		one.since = time.Now()
		close(one.waiting[0])
		one.waiting = slices.Delete(one.waiting, 0, 1)
		return
	}
	delete(t.of, one.key)
	t.taken.Store(int64(len(t.of)))
}

// others returns a key that the transaction has read and over which other updates take turns.
// Its commit would only conflict with theirs, or make theirs conflict.
func (u *update) others(txn *wire.Txn) (key string, taken bool) {
	t := &u.h.db.turns
	if t.taken.Load() == 0 || u.turn != nil || u.impatient {
		return "", false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range txn.If {
		if t.of[txn.If[i].Key] != nil {
			return txn.If[i].Key, true
		}
	}
	return "", false
}
