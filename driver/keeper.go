package driver

import (
	"context"
	"sync"
	"time"
)

// keeper keeps the sessions of a handle alive: one goroutine, from the first
// session on, renews those that have not written lately.
type keeper struct {
	ctx     context.Context // ends with the handle
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu       sync.Mutex           // guards all below
	sessions map[*handle]struct{} // those that are open, or being opened
	running  bool
	stopped  bool
}

// Renewals of many sessions go out together, but not all at once.
const renewalsAtATime = 64

// keep has the session, which is about to be opened, kept alive until drop. It
// reports false if the handle was closed.
func (k *keeper) keep(h *handle) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped || h.closed.Load() {
		return false
	}
	k.sessions[h] = struct{}{}
	return true
}

// renewEvery begins renewals of sessions of the given time to live, unless they
// have begun.
func (db *DB) renewEvery(ttl time.Duration) {
	k := &db.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if ttl <= 0 || k.stopped {
		return
	}
	if !k.running {
		k.running = true
		// A session is looked at twice in a third of its time: whatever its last
		// write was, it is renewed before the third is over.
		k.workers.Go(func() { db.renewals(ttl / 6) })
	}
}

// look runs a goroutine that ends with the keeper's context, and that stop waits for.
func (k *keeper) look(do func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.stopped {
		k.workers.Go(do)
	}
}

// drop ends what keep began, and does nothing if it did not.
func (k *keeper) drop(h *handle) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.sessions, h)
}

// count is how many sessions are kept.
func (k *keeper) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.sessions)
}

// stop ends all renewals and returns the sessions that were kept.
func (k *keeper) stop() []*handle {
	k.mu.Lock()
	k.stopped = true
	kept := k.listLocked()
	k.mu.Unlock()
	k.cancel()
	k.workers.Wait()
	return kept
}

func (k *keeper) listLocked() []*handle {
	list := make([]*handle, 0, len(k.sessions))
	for s := range k.sessions {
		list = append(list, s)
	}
	return list
}

// renewals looks after all sessions every interval.
func (db *DB) renewals(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-db.keeper.ctx.Done():
			return
		}
		db.keeper.mu.Lock()
		list := db.keeper.listLocked()
		db.keeper.mu.Unlock()
		// What has not succeeded when the time is up is tried again.
		ctx, cancel := context.WithTimeout(db.keeper.ctx, interval)
		forEach(list, renewalsAtATime, func(h *handle) { h.renew(ctx) })
		cancel()
	}
}

// forEach calls do for all sessions, so many at a time, and waits.
func forEach(list []*handle, atATime int, do func(*handle)) {
	var workers sync.WaitGroup
	next := make(chan *handle)
	for range min(atATime, len(list)) {
		workers.Go(func() {
			for s := range next {
				do(s)
			}
		})
	}
	for _, s := range list {
		next <- s
	}
	close(next)
	workers.Wait()
}
