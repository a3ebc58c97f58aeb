package store

import (
	"fmt"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// A session may have a lock, which it has from its beginning to its end. The store keeps it and
// judges nothing by it: a member does, before it has a command ordered.

// openLocked opens a session that has a lock, with a TTL of its own or without.
func (s *Store) openLocked(position uint64, c *wire.Command) (wire.Result, bool) {
	lock, _, ok := wire.CutLocked(c.Value)
	switch {
	case !ok:
		return wire.Result{Status: wire.StatusBadRequest, Position: position}, false
	case c.Delta == 0:
		return s.openSession(position, c, lock)
	default:
		return s.openTimed(position, c, lock)
	}
}

// opener returns the client that a command names which opens a session.
func opener(c *wire.Command) clientID {
	address := c.Value
	if c.Op == wire.OpOpenLocked {
		_, address, _ = wire.CutLocked(c.Value)
	}
	return clientID{name: c.Key, address: string(address)}
}

// SessionLock returns the lock of a session, which is zero if it has none, and reports whether
// the session is alive. It is for the owner.
func (s *Store) SessionLock(id uint64) (lock wire.Lock, alive bool) {
	if sess := s.sessions.byID[id]; sess != nil {
		return sess.lock, true
	}
	return wire.Lock{}, false
}

// appendLock appends a record of the lock of the session in the next one, if it has a lock.
func appendLock(dst []byte, s *session) []byte {
	if s.lock == (wire.Lock{}) || planted.On(planted.LockNotInSnapshot) {
		return dst
	}
	return append(append(dst, recordLock), s.lock[:]...)
}

// sessionLock takes the lock of the session in the next record of one.
func (r *Restorer) sessionLock(d *codec.Reader) error {
	b := d.Take(uint64(len(r.lock)))
	if d.Bad() || r.kept == nil || r.lock != (wire.Lock{}) || wire.Lock(b) == (wire.Lock{}) {
		return fmt.Errorf("%w: impossible lock of a session", ErrFormat)
	}
	r.lock = wire.Lock(b)
	return nil
}
