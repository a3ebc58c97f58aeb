package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Defaults, where neither a data source name nor a method says otherwise.
const (
	defaultTimeout     = client.DefaultTimeout
	defaultDialTimeout = 3 * time.Second
	defaultMaxOpen     = 4
	defaultMaxIdle     = 4
	defaultMaxIdleTime = 5 * time.Minute
)

// Connector makes connections. A *server.Node is one: its connections read the
// replica in the same process. The only other ones are this package's own; the
// interface is not meant to be implemented elsewhere.
type Connector interface {
	Connect(ctx context.Context) (wire.Conn, error)
}

// DB is a handle on a group, for any number of goroutines. All of them together
// are one session: each sees what any of them has seen. Make one, and keep it.
type DB struct {
	pool     *pool
	main     *handle
	timeout  time.Duration
	patience patience
	keeper   keeper
	streams  streams
	retries  atomic.Uint64

	closing atomic.Bool
	closed  outcome // of Close
}

// Open returns a handle on the group that a data source name tells; the package
// comment has its form. It connects to nothing: the first operation does, or
// Ping.
func Open(dsn string) (*DB, error) {
	d, err := client.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	setDefault(&d.Timeout, defaultTimeout)
	setDefault(&d.DialTimeout, defaultDialTimeout)
	setDefault(&d.MaxOpenConns, defaultMaxOpen)
	setDefault(&d.MaxIdleConns, defaultMaxIdle)
	setDefault(&d.ConnMaxIdleTime, defaultMaxIdleTime)
	source := &servers{
		dsn: d,
		options: client.Options{
			Timeout:      d.Timeout,
			MaxInFlight:  max(d.MaxInFlight, 0),
			PingInterval: d.PingInterval,
			Client:       cmp.Or(d.Client, processName()),
		},
		penalties: make(map[string]penalty),
	}
	setDefault(&d.MaxAsync, defaultMaxAsync)
	db := open(source, d.Timeout, limits{
		maxOpen:     max(d.MaxOpenConns, 0),
		maxIdle:     max(d.MaxIdleConns, 0),
		maxLifetime: max(d.ConnMaxLifetime, 0),
		maxIdleTime: max(d.ConnMaxIdleTime, 0),
	})
	db.SetMaxAsync(d.MaxAsync)
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
	db.main = newHandle(db)
	db.keeper.ctx, db.keeper.cancel = context.WithCancel(context.Background())
	db.keeper.sessions = make(map[*handle]struct{})
	db.streams.all = make(map[*stream]struct{})
	db.streams.setMax(defaultMaxAsync)
	db.patience.timeout, db.patience.parent = timeout, db.pool.ctx
	return db
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Get returns the value of a variable, or ErrNotFound. It is answered by the
// replica that the handle is connected to, at or after all that the handle has
// seen. With Strong it costs as much as a write.
//
// The bytes of the Value are shared: with an embedded replica they are its own, which
// every reader of the process gets. They must not be changed; they never change by
// themselves, and may be kept. A program that wants to sort, reverse or decode them in
// place copies them first, by bytes.Clone. One that changes them damages the replica,
// which then loads the state of another one, or goes on with the damage if there is no
// other. To find the code that does so, run the program with DSM_DEBUG=readonly in its
// environment, or with server.Config.ReadOnly: it crashes where it writes.
func (db *DB) Get(ctx context.Context, key string, options ...ReadOption) (Value, error) {
	return db.main.get(ctx, key, options)
}

// Set gives a variable a value, a copy of the one passed, and returns its
// version.
func (db *DB) Set(ctx context.Context, key string, value []byte) (version uint64, err error) {
	return db.main.set(ctx, key, value)
}

// Delete removes a variable and returns the position at which it went. It
// returns ErrNotFound if there was none.
func (db *DB) Delete(ctx context.Context, key string) (version uint64, err error) {
	return db.main.delete(ctx, key)
}

// Add adds delta to a counter and returns the sum. A counter is a variable that
// holds the decimal text of an int64; one that does not exist counts as 0. It
// returns ErrNotInteger or ErrOverflow, and changes nothing, if it cannot.
func (db *DB) Add(ctx context.Context, key string, delta int64) (sum int64, err error) {
	return db.main.add(ctx, key, delta)
}

// CompareAndSet gives a variable a value, as Set does, if it still has the
// version, 0 if it still does not exist. Otherwise it returns a *ConflictError.
func (db *DB) CompareAndSet(ctx context.Context, key string, value []byte, version uint64) (newVersion uint64, err error) {
	return db.main.compareAndSet(ctx, key, value, version)
}

// Ping makes sure that a server answers, and connects to one if need be.
func (db *DB) Ping(ctx context.Context) error {
	return db.main.ping(ctx)
}

// SessionID returns the id of the handle's session in the group, and opens the
// session if the handle has not written yet. The session is another one after
// ErrSessionExpired and ErrGeneration.
func (db *DB) SessionID(ctx context.Context) (uint64, error) {
	return db.main.sessionID(ctx)
}

// Conn returns a session of its own, which has seen what the DB has seen until
// now, and shares its connections.
func (db *DB) Conn(ctx context.Context) (*Conn, error) {
	if err := db.main.usable(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err, nil)
	}
	h := newHandle(db)
	seen := db.main.state.Load()
	begun := newState(seen.bound)
	begun.raise(seen.position.Load())
	h.state.Store(begun)
	c := &Conn{handle: h}
	// One that is dropped without a Close must not hold its session for as long as
	// the DB lives: nobody renews that any more, and it expires.
	runtime.AddCleanup(c, db.keeper.drop, h)
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
	close(db.main.done)
	givenUp, untold := db.streams.close(db.main)
	sessions := db.keeper.stop()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	forEach(sessions, renewalsAtATime, func(h *handle) { h.end(ctx) })
	cancel()
	db.patience.stop()
	err := db.pool.close()
	db.streams.pumps.Wait()
	return errors.Join(givenUp.err(), untold, err)
}
