package driver

import "time"

// Stats are figures of a handle. Counts are since it was opened.
type Stats struct {
	MaxOpenConns int // 0: no limit
	OpenConns    int // connections that take requests
	InUse        int // of these, with at least one request in flight
	Idle         int // of these, with none; an embedded node's connection, which has no limit, counts as idle

	Sessions int // sessions of the handle and its Conns that are open in the group, or being opened

	WaitCount    uint64        // operations that found every connection at its limit, and no more allowed
	WaitDuration time.Duration // how long they waited for their turn

	Retries   uint64 // attempts beyond an operation's first
	FailOvers uint64 // moves to another server
	Server    string // address of the server that the handle stays with, "" for none or an embedded node
}

// Stats returns how the handle does now.
func (db *DB) Stats() Stats {
	p := db.pool
	sessions := db.keeper.count()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{
		MaxOpenConns: p.limits.maxOpen,
		Sessions:     sessions,
		WaitCount:    p.waits,
		WaitDuration: p.waited,
		Retries:      db.retries.Load(),
		FailOvers:    p.failOver.Load(),
	}
	for _, l := range *p.links.Load() {
		s.OpenConns++
		s.Server = l.server
		if l.inFlight.Load() > 0 {
			s.InUse++
		}
	}
	s.Idle = s.OpenConns - s.InUse
	return s
}

// SetMaxOpenConns limits the connections; 0 or less: no limit. The default is 4. A few
// are enough, because one connection carries the requests of many goroutines.
func (db *DB) SetMaxOpenConns(n int) {
	db.pool.set(func(l *limits) { l.maxOpen = max(n, 0) })
}

// SetMaxIdleConns limits the connections that are kept without a request in flight; 0
// or less: none are kept. The default is 4.
func (db *DB) SetMaxIdleConns(n int) {
	db.pool.set(func(l *limits) { l.maxIdle = max(n, 0) })
}

// SetConnMaxLifetime sets the age at which a connection is replaced, once its
// requests are answered; 0 or less, the default: none.
func (db *DB) SetConnMaxLifetime(d time.Duration) {
	db.pool.set(func(l *limits) { l.maxLifetime = max(d, 0) })
}

// SetConnMaxIdleTime sets how long a connection may be without a request in flight; 0
// or less: no limit. The default is 5 minutes.
func (db *DB) SetConnMaxIdleTime(d time.Duration) {
	db.pool.set(func(l *limits) { l.maxIdleTime = max(d, 0) })
}
