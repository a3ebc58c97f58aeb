package store

import (
	"github.com/tidwall/btree"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// newOrder returns the list of all sessions by their ids, for pages of a list.
func newOrder() *btree.BTreeG[*session] {
	return btree.NewBTreeGOptions(func(a, b *session) bool { return a.id < b.id }, btree.Options{NoLocks: true})
}

// ListSessions returns a page of the sessions, or of the variables that one of them owns, as of
// the applied position. found is false if the one that the query names is not alive. It is for
// the owner, and looks at no more than a page has.
func (s *Store) ListSessions(q *wire.SessionsQuery) (page wire.SessionsPage, found bool) {
	if q.ID != 0 {
		return s.listOwned(q)
	}
	most := atMost(q.Limit, wire.MaxListedSessions)
	page.Sessions = make([]wire.ListedSession, 0, min(most, len(s.sessions.byID)))
	s.sessions.order.Ascend(&session{id: q.After}, func(sess *session) bool {
		switch {
		case sess.id == q.After:
		case len(page.Sessions) == most:
			page.More = true
			return false
		default:
			page.Sessions = append(page.Sessions, s.listed(sess))
		}
		return true
	})
	return page, true
}

// atMost is a limit, of which 0 is none, within a bound.
func atMost(limit uint64, bound int) int {
	if limit == 0 || limit > uint64(bound) {
		return bound
	}
	return int(limit)
}

// listOwned returns a session with a page of its variables.
func (s *Store) listOwned(q *wire.SessionsQuery) (page wire.SessionsPage, found bool) {
	sess := s.sessions.byID[q.ID]
	if sess == nil {
		return page, false
	}
	page.Sessions = append(page.Sessions, s.listed(sess))
	most, bytes := atMost(q.Limit, wire.MaxOwnedKeys), 0
	s.variables.owners.list.Ascend(owned{q.ID, &entry{key: q.AfterKey}}, func(o owned) bool {
		key := o.key()
		switch {
		case o.session != q.ID:
			return false
		case key == q.AfterKey:
			return true
		case len(page.Keys) == most || len(page.Keys) > 0 && bytes+len(key) > wire.MaxOwnedBytes:
			page.More = true
			return false
		}
		page.Keys = append(page.Keys, key)
		bytes += len(key)
		return true
	})
	return page, true
}

func (s *Store) listed(sess *session) wire.ListedSession {
	l := wire.ListedSession{ID: sess.id, Own: sess.ttl != 0, Writes: sess.latest(), Owned: uint64(s.variables.owners.counts[sess.id])}
	if c := sess.client; c != nil {
		l.Name, l.Address = c.name, c.address
	}
	l.TTL, l.Left = s.sessions.left(sess, s.limits.ttlMillis())
	return l
}

// left returns the TTL of a session and what is left of it, in milliseconds.
func (t *sessions) left(s *session, group uint64) (ttl, left uint64) {
	switch {
	case s.ttl == 0:
		return group, group - min(t.clock-s.renewed, group)
	case s.pending != 0:
		return s.ttl, s.ttl
	}
	return s.ttl, min(s.deadline()-min(t.clock, s.deadline()), s.ttl)
}

// latest returns the number of the session's latest write. The client has given up those that
// were never executed.
func (s *session) latest() uint64 {
	if n := len(s.results.pages); n > 0 {
		last := s.results.pages[n-1]
		for i := resultsPerPage - 1; i >= 0; i-- {
			if last.results[i].Position != 0 {
				return last.number<<resultPageBits + uint64(i)
			}
		}
	}
	return s.floor - 1
}
