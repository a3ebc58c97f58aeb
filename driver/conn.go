package driver

import "context"

// Conn is a session of its own on a DB's connections. Its methods are those of
// the DB, and may be called by many goroutines. It must be closed.
type Conn struct {
	handle *handle
}

// Get is DB.Get in the Conn's session.
func (c *Conn) Get(ctx context.Context, key string, options ...ReadOption) (Value, error) {
	return c.handle.get(ctx, key, options)
}

// Set is DB.Set in the Conn's session.
func (c *Conn) Set(ctx context.Context, key string, value []byte) (version uint64, err error) {
	return c.handle.set(ctx, key, value)
}

// Delete is DB.Delete in the Conn's session.
func (c *Conn) Delete(ctx context.Context, key string) (version uint64, err error) {
	return c.handle.delete(ctx, key)
}

// Add is DB.Add in the Conn's session.
func (c *Conn) Add(ctx context.Context, key string, delta int64) (sum int64, err error) {
	return c.handle.add(ctx, key, delta)
}

// CompareAndSet is DB.CompareAndSet in the Conn's session.
func (c *Conn) CompareAndSet(ctx context.Context, key string, value []byte, version uint64) (newVersion uint64, err error) {
	return c.handle.compareAndSet(ctx, key, value, version)
}

// Ping is DB.Ping in the Conn's session.
func (c *Conn) Ping(ctx context.Context) error {
	return c.handle.ping(ctx)
}

// SessionID is DB.SessionID for the Conn's session.
func (c *Conn) SessionID(ctx context.Context) (uint64, error) {
	return c.handle.sessionID(ctx)
}

// Close ends the session. It tries for at most a second to close it in the
// group, which forgets it by itself later. Operations in flight go on; those
// begun later return ErrClosed. Asynchronous writes that are outstanding fail with
// ErrClosed, and with ErrOutcomeUnknown if they were sent: Flush before.
func (c *Conn) Close() error {
	h := c.handle
	if h.closed.Swap(true) || h.db.closing.Load() {
		return nil
	}
	h.db.streams.closeOf(h)
	h.db.keeper.drop(h)
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	h.end(ctx)
	return nil
}
