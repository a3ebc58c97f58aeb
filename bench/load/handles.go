package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

// Handles are what the clients of a run share. Client i uses handle i modulo
// their number, in a session of its own.
type Handles []*driver.DB

// Open begins a client's session.
func (h Handles) Open(ctx context.Context, client int) (Memory, error) {
	conn, err := h[client%len(h)].Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &driverSession{conn: conn}, nil
}

// DB is the handle of a client, or of one that watches.
func (h Handles) DB(client int) *driver.DB { return h[client%len(h)] }

// Close closes all handles.
func (h Handles) Close() error {
	var errs []error
	for _, db := range h {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// ForEach does something n times, many at a time, with the handles in turns, and stops
// at the first error. It returns how often it was done.
func (h Handles) ForEach(ctx context.Context, n, atATime int, do func(ctx context.Context, db *driver.DB, i int) error) (int, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var next, done atomic.Int64
	var group sync.WaitGroup
	for worker := range min(atATime, n) {
		db := h[worker%len(h)]
		group.Go(func() {
			for i := int(next.Add(1)); i <= n && ctx.Err() == nil; i = int(next.Add(1)) {
				if err := do(ctx, db, i-1); err != nil {
					fail(err)
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	return int(done.Load()), context.Cause(ctx)
}

// OpenNodeHandles opens handles over TCP that stay with one node each: conns
// for each address, each with one connection, in turns, so that clients are
// spread evenly.
func OpenNodeHandles(addrs []string, conns int) (Handles, error) {
	var h Handles
	for range conns {
		for _, addr := range addrs {
			db, err := driver.Open("dsm://" + addr)
			if err != nil {
				return nil, errors.Join(err, h.Close())
			}
			db.SetMaxOpenConns(1)
			h = append(h, db)
		}
	}
	return h, nil
}

// placements is how often a handle is opened, at most, to get it to the node
// that has the fewest.
const placements = 16

// OpenSpreadHandles opens handles by a name that stands for several servers,
// and that stay with the group when a node leaves. The driver chooses servers
// by chance; a handle at a server that has its share already is opened again,
// a few times.
func OpenSpreadHandles(ctx context.Context, dsn string, nodes, conns int) (Handles, error) {
	var h Handles
	share := make(map[string]int)
	for range nodes * conns {
		for try := range placements {
			db, err := driver.Open(dsn)
			if err != nil {
				return nil, errors.Join(err, h.Close())
			}
			db.SetMaxOpenConns(1)
			if err := db.Ping(ctx); err != nil {
				return nil, errors.Join(err, db.Close(), h.Close())
			}
			if server := db.Stats().Server; share[server] < conns || try == placements-1 {
				share[server]++
				h = append(h, db)
				break
			}
			if err := db.Close(); err != nil {
				return nil, errors.Join(err, h.Close())
			}
		}
	}
	return h, nil
}

const (
	// tidyTimeout bounds how long variables are deleted after a run.
	tidyTimeout = 30 * time.Second

	// tidyAtATime is how many are deleted at once, over all handles.
	tidyAtATime = 256
)

// Delete deletes variables, many at a time, as clients do. It stops at the
// first error. A variable that is not there is none.
func (h Handles) Delete(ctx context.Context, keys []string) (left int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, tidyTimeout, fmt.Errorf("deleting took longer than %v", tidyTimeout))
	defer cancel()
	done, err := h.ForEach(ctx, len(keys), tidyAtATime, func(ctx context.Context, db *driver.DB, i int) error {
		if _, err := db.Delete(ctx, keys[i]); err != nil && !errors.Is(err, driver.ErrNotFound) {
			return fmt.Errorf("deleting %q: %w", keys[i], err)
		}
		return nil
	})
	return len(keys) - done, err
}
