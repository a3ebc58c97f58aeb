package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
)

// Defaults, where neither a data source name nor a method says otherwise.
const (
	defaultTimeout     = client.DefaultTimeout
	defaultDialTimeout = 3 * time.Second
	defaultMaxOpen     = 4
	defaultMaxIdle     = 4
	defaultMaxIdleTime = 5 * time.Minute
)

// Connector makes connections. A *server.Node is one: its connections read the replica
// in the same process. Only this package uses the result of Connect. With any other
// kind of connection, operations return ErrProtocol.
type Connector interface {
	Connect(ctx context.Context) (io.Closer, error)
}

// DB is a handle on a group, for any number of goroutines. Together they are one
// session: each sees everything that any of them has seen. Open one DB, and share it.
type DB struct {
	*handle  // of its session
	pool     *pool
	timeout  time.Duration
	patience patience
	keeper   keeper
	streams  streams
	turns    turns // of updates
	retries  atomic.Uint64

	closing atomic.Bool
	closed  outcome // of Close
}

// Open returns a handle on the group that a data source name describes; the package
// comment has its form. Open does not connect: the first operation does, or Ping.
func Open(dsn string) (*DB, error) {
	d, err := client.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	d.Timeout = cmp.Or(d.Timeout, defaultTimeout)
	d.DialTimeout = cmp.Or(d.DialTimeout, defaultDialTimeout)
	d.MaxOpenConns = cmp.Or(d.MaxOpenConns, defaultMaxOpen)
	d.MaxIdleConns = cmp.Or(d.MaxIdleConns, defaultMaxIdle)
	d.ConnMaxIdleTime = cmp.Or(d.ConnMaxIdleTime, defaultMaxIdleTime)
	source := &servers{
		dsn: d,
		options: client.Options{
			Timeout:      d.Timeout,
			MaxInFlight:  max(d.MaxInFlight, 0),
			PingInterval: d.PingInterval,
			Client:       cmp.Or(d.Client, processName()),
		},
	}
	d.MaxAsync = cmp.Or(d.MaxAsync, defaultMaxAsync)
	db := open(source, d.Timeout, limits{
		maxOpen:     max(d.MaxOpenConns, 0),
		maxIdle:     max(d.MaxIdleConns, 0),
		maxLifetime: max(d.ConnMaxLifetime, 0),
		maxIdleTime: max(d.ConnMaxIdleTime, 0),
	})
	source.options.Secret = db.pool.secret
	db.SetMaxAsync(d.MaxAsync)
	db.life.ttl = d.SessionTTL
	db.pool.failFast = d.FailFast
	return db, nil
}

// OpenDB returns a handle on the group that a Connector connects to.
func OpenDB(c Connector) *DB {
	return open(single{connector: c}, defaultTimeout, limits{
		maxOpen:     defaultMaxOpen,
		maxIdle:     defaultMaxIdle,
		maxIdleTime: defaultMaxIdleTime,
	})
}

func open(source source, timeout time.Duration, l limits) *DB {
	db := &DB{pool: newPool(source, l), timeout: timeout, closed: newOutcome()}
	db.handle = newHandle(db)
	db.keeper.ctx, db.keeper.cancel = context.WithCancel(context.Background())
	db.keeper.sessions = make(map[*handle]struct{})
	db.streams.all = make(map[*stream]struct{})
	db.streams.setMax(defaultMaxAsync)
	db.patience.timeout, db.patience.parent = timeout, db.pool.ctx
	return db
}

// Conn returns a session of its own, which has seen what the DB has seen until
// now, and shares its connections.
func (db *DB) Conn(ctx context.Context) (*Conn, error) {
	if err := db.usable(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err, nil)
	}
	h := newHandle(db)
	seen := db.state.Load()
	begun := newState(seen.bound)
	begun.raise(seen.position.Load())
	h.state.Store(begun)
	c := &Conn{h}
	// One that is dropped without a Close must not hold its session for as long as
	// the DB lives: nobody renews that any more, and it expires.
	h.life.ttl = db.life.ttl
	runtime.AddCleanup(c, func(h *handle) {
		db.keeper.drop(h)
		h.life.over()
	}, h)
	return c, nil
}

// Close ends the handle and all its Conns. Operations in flight, whatever they
// wait for, return ErrClosed, and ErrOutcomeUnknown too if they are writes that
// were sent. Asynchronous writes that are outstanding are given up: their Futures
// return the same errors, and Close returns an *AbandonedError with their number.
// Call Flush before Close to wait for them. Close also returns the first error of
// an asynchronous write that neither a Wait nor a Flush has returned.
//
// Close spends at most a second on closing the sessions in the group, which
// otherwise expire there. A second Close waits for the first, and returns the same
// error.
func (db *DB) Close() error {
	if !db.closing.Swap(true) {
		db.closed.is(db.close())
	}
	return db.closed.wait()
}

func (db *DB) close() error {
	close(db.done)
	givenUp, untold := db.streams.close(db.handle)
	sessions := db.keeper.stop()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	forEach(sessions, renewalsAtATime, func(h *handle) { h.end(ctx) })
	cancel()
	db.patience.stop()
	err := db.pool.close()
	db.streams.pumps.Wait()
	return errors.Join(givenUp.err(), untold, err)
}
