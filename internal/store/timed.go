package store

import (
	"cmp"

	"github.com/tidwall/btree"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// A session may have a TTL of its own. Its time begins again with each command of it, like a
// timer's: with the first tick whose sender had applied the command. Until then the session
// is pending, and does not expire. So it never expires early.

// timedSessions are those that have a TTL of their own.
type timedSessions struct {
	pending   sessionList // by the position of the last command
	deadlines *btree.BTreeG[*session]
	count     int
	ended     []uint64 // since drained
}

func newTimedSessions() timedSessions {
	return timedSessions{deadlines: btree.NewBTreeGOptions(func(a, b *session) bool {
		return cmp.Or(cmp.Compare(a.deadline(), b.deadline()), cmp.Compare(a.id, b.id)) < 0
	}, btree.Options{NoLocks: true})}
}

// deadline is when a session that has a TTL of its own and is not pending expires. Times
// are whole milliseconds, and the tick with which it began may have kept the part of one.
func (s *session) deadline() uint64 { return s.renewed + s.ttl + 1 }

// admitTimed renews a session that has a TTL of its own, with a command at position.
func (t *sessions) admitTimed(s *session, position uint64) {
	t.placeless(s)
	if s.pending = position; planted.On(planted.PendingExpires) {
		s.renewed, s.pending = t.clock, 0
	}
	t.place(s)
}

// place finds a session that has a TTL of its own its place among those that expire.
func (t *sessions) place(s *session) {
	if s.pending != 0 {
		t.timed.pending.link(s)
	} else {
		t.timed.deadlines.Set(s)
	}
}

// placeless takes the place away.
func (t *sessions) placeless(s *session) {
	if s.pending != 0 {
		t.timed.pending.unlink(s)
	} else {
		t.timed.deadlines.Delete(s)
	}
}

// passTime has sessions with a TTL of their own expire, and the time of those begin whose last
// command is at a position up to seen.
func (t *sessions) passTime(seen uint64) {
	for {
		first, ok := t.timed.deadlines.Min()
		if !ok || first.deadline() > t.clock {
			break
		}
		t.remove(first)
	}
	for s := t.timed.pending.oldest; s != nil && s.pending <= seen; s = t.timed.pending.oldest {
		t.preserve(s)
		t.placeless(s)
		s.renewed, s.pending = t.clock, 0
		t.place(s)
		t.rebase(s)
	}
}

// openTimed opens a session with a TTL of its own.
func (s *Store) openTimed(position uint64, c *wire.Command, lock wire.Lock) (wire.Result, bool) {
	if c.Delta < wire.MinSessionTTL || c.Delta > wire.MaxSessionTTL {
		return wire.Result{Status: wire.StatusBadRequest, Position: position}, false
	}
	return s.openSession(position, c, lock)
}

// A sessionList has sessions in the order in which they were renewed.
type sessionList struct{ oldest, newest *session }

// link makes s the last renewed.
func (l *sessionList) link(s *session) {
	s.older, s.newer = l.newest, nil
	if l.newest != nil {
		l.newest.newer = s
	} else {
		l.oldest = s
	}
	l.newest = s
}

func (l *sessionList) unlink(s *session) {
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		l.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		l.newest = s.older
	}
	s.older, s.newer = nil, nil
}

// list is the list that a session is in, nil if it is in none.
func (t *sessions) list(s *session) *sessionList {
	switch {
	case s.ttl == 0:
		return &t.group
	case s.pending != 0:
		return &t.timed.pending
	default:
		return nil
	}
}
