package store

import (
	"cmp"
	"slices"

	"github.com/tidwall/btree"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// A variable may have an owner, which is a session that has a TTL of its own. When the session
// ends, its variables expire: as many as one command may remove at the position at which it
// ends, and the others with the next ticks.

// owned is a variable that has an owner.
type owned struct {
	session uint64
	entry   *entry
}

// owners are those of all variables that have one, the store's owner's alone.
type owners struct {
	of     map[*entry]uint64 // whose entries are owned
	list   *btree.BTreeG[owned]
	counts map[uint64]int // of variables, by session
	sum    uint64         // of the hashes of all
	dead   []uint64       // sessions that have ended and have variables yet, in order
}

func newOwners() owners {
	return owners{of: make(map[*entry]uint64), counts: make(map[uint64]int), list: btree.NewBTreeGOptions(func(a, b owned) bool {
		return cmp.Or(cmp.Compare(a.session, b.session), cmp.Compare(a.key(), b.key())) < 0
	}, btree.Options{NoLocks: true})}
}

// key is "" of what is only compared with.
func (o *owned) key() string {
	if o.entry == nil {
		return ""
	}
	return o.entry.key
}

func (o *owned) hash() uint64 {
	if planted.On(planted.TimersNotInSnapshot) {
		return 0
	}
	return hashOwner(o.entry.keyHash, o.session)
}

// set makes a session the owner of a variable.
func (t *owners) set(e *entry, session uint64) {
	t.clear(e)
	o := owned{session, e}
	e.owned = true
	t.of[e] = session
	t.list.Set(o)
	t.counts[session]++
	t.sum += o.hash()
}

// clear frees a variable from its owner, if it has one.
func (t *owners) clear(e *entry) {
	if !e.owned {
		return
	}
	o := owned{t.of[e], e}
	e.owned = false
	delete(t.of, e)
	t.list.Delete(o)
	if t.counts[o.session]--; t.counts[o.session] <= 0 {
		delete(t.counts, o.session)
	}
	t.sum -= o.hash()
}

// first returns a variable of a session, the first by its key.
func (t *owners) first(session uint64) (o owned, ok bool) {
	t.list.Ascend(owned{session: session}, func(next owned) bool {
		o, ok = next, next.session == session
		return false
	})
	return o, ok
}

// end notes that a session has ended.
func (t *owners) end(session uint64) {
	if _, ok := t.first(session); ok {
		i, _ := slices.BinarySearch(t.dead, session)
		t.dead = slices.Insert(t.dead, i, session)
	}
}

// expireOwned has variables expire whose owners have ended.
func (s *Store) expireOwned(position uint64) {
	t := &s.variables.owners
	for _, id := range s.sessions.timed.ended {
		t.end(id)
	}
	s.sessions.timed.ended = s.sessions.timed.ended[:0]
	for left := maxOwned; left > 0 && len(t.dead) > 0; {
		o, ok := t.first(t.dead[0])
		if !ok {
			t.dead = slices.Delete(t.dead, 0, 1)
			continue
		}
		left--
		if t.of[o.entry] != o.session {
			t.list.Delete(o)
			s.notes.Damage = damaged("the owner of variable %.80q, which a tick has met,", o.entry.key)
			s.Suspect()
			continue
		}
		s.variables.expire(o.entry, position)
	}
}

// Owners returns how many variables have an owner. It is for the store's owner.
func (s *Store) Owners() int { return len(s.variables.owners.of) }
