package store

import (
	"fmt"
	"maps"
	"slices"
	"unsafe"
)

// DamageKinds is the number of kinds of damage that Damage does.
const DamageKinds = 11

// Damage changes a bit of the state behind the store's back, as memory that fails or
// a caller that writes to what Get returned would. It returns what it has changed, ""
// if there is nothing of that kind, of which choice chooses one. It is for tests and
// for the simulation, and for the owner.
func (s *Store) Damage(kind int, choice uint64) (what string) {
	switch kind {
	case 0, 1, 2, 3, 4:
		e, v := s.chooseVariable(choice)
		if e == nil {
			return ""
		}
		return s.damageVariable(kind, e, v)
	case 5, 6:
		sess := s.chooseSession(choice)
		if sess == nil {
			return ""
		}
		if kind == 5 {
			sess.floor ^= 1 << 20
			return fmt.Sprintf("the floor of session %d", sess.id)
		}
		for seq, r := range sess.results.all() {
			r.Number ^= 1
			return fmt.Sprintf("the result of write %d of session %d", seq, sess.id)
		}
		return ""
	case 7:
		s.sessions.clock ^= 1
		return "the clock"
	case 9:
		return s.damageData(choice)
	case 10:
		return s.damageTimer(choice)
	default:
		s.variables.sum ^= 1
		return "the sum of the variables' hashes"
	}
}

// damageData changes the data of a result of the first session that has any, from the one
// that choice chooses on.
func (s *Store) damageData(choice uint64) (what string) {
	for i := range uint64(s.sessions.slots.used) {
		sess := s.sessions.slots.cell(uint32((choice+i)%uint64(s.sessions.slots.used)) + 1).Load()
		if sess == nil || len(sess.data) == 0 {
			continue
		}
		seq := slices.Min(slices.Collect(maps.Keys(sess.data)))
		sess.data[seq][0] ^= 1
		return fmt.Sprintf("the data of write %d of session %d", seq, sess.id)
	}
	return ""
}

// damageTimer changes the place of a timer among those that are due.
func (s *Store) damageTimer(choice uint64) (what string) {
	t := &s.variables.timers
	n := t.queue.Len()
	if n == 0 {
		return ""
	}
	r, _ := t.queue.GetAt(int(choice % uint64(n)))
	t.queue.Delete(r)
	r.deadline ^= 1
	t.queue.Set(r)
	return fmt.Sprintf("the timer of %q", r.entry.key)
}

func (s *Store) damageVariable(kind int, e *entry, v *version) (what string) {
	switch kind {
	case 0:
		if v.size == 0 {
			return ""
		}
		v.value()[v.size-1] ^= 1
		return fmt.Sprintf("the value of %q", e.key)
	case 1:
		if v.position^1 == 0 || v.position^1 > s.applied.Load() {
			return ""
		}
		v.position ^= 1
		return fmt.Sprintf("the version of %q", e.key)
	case 2:
		*unsafe.StringData(e.key) ^= 1
		return fmt.Sprintf("the key that is %q now", e.key)
	case 3:
		v.hash ^= 1
		return fmt.Sprintf("the hash of %q", e.key)
	default:
		s.variables.entries.remove(e)
		return fmt.Sprintf("the place of %q in the table", e.key)
	}
}

// Diverge gives a variable another value than the order has, as if the order had: the
// store cannot tell, only an audit of all replicas can. It returns what it has changed, ""
// if there is nothing. It is for tests.
func (s *Store) Diverge(choice uint64) (what string) {
	e, v := s.chooseVariable(choice)
	if e == nil || v.size == 0 {
		return ""
	}
	value := v.value()
	value[len(value)-1] ^= 1
	s.variables.sum -= v.hash
	v.hash = hashVariable(e.keyHash, value, v.position)
	s.variables.sum += v.hash
	return fmt.Sprintf("the value of %q", e.key)
}

func (s *Store) chooseVariable(choice uint64) (*entry, *version) {
	for i := range uint64(s.variables.slots.used) {
		e := s.variables.slots.cell(uint32((choice+i)%uint64(s.variables.slots.used)) + 1).Load()
		if e == nil {
			continue
		}
		if v := e.current.Load(); !v.deleted {
			return e, v
		}
	}
	return nil, nil
}

func (s *Store) chooseSession(choice uint64) *session {
	for i := range uint64(s.sessions.slots.used) {
		sess := s.sessions.slots.cell(uint32((choice+i)%uint64(s.sessions.slots.used)) + 1).Load()
		if sess != nil {
			return sess
		}
	}
	return nil
}
