package store

import (
	"sync/atomic"

	"github.com/seed-8247e700/dsm/internal/planted"
)

// Reads run beside the owner, without a lock, and answer (value, version, P)
// such that the value is that of the last write to the key at or before P. Why
// that holds:
//
// The owner installs the versions of a message one by one and publishes the
// message's last position as applied afterwards. So
//
//	(1) whoever has loaded applied = p finds all writes up to p installed.
//
// The reader loads applied as p first, then the key's current version v.
//
//   - v.position > p: v comes from a message that is being applied or was just
//     published. It is the last write at or before P = v.position: itself.
//   - v.position <= p: by (1) no write to the key between v.position and p can
//     be missing, and v was current after p was loaded, so v is the last write
//     at or before P = p.
//
// A deletion is a version too, so the same holds for it. It also holds for an
// entry that has left the map when the reader comes to load its version: had the
// key been written again at or before p, then by (1) the map would have had the
// new entry.
//
// A key without an entry needs more. An entry leaves the map only after its
// deletion at d was published, while it is still current:
//
//	(2) an entry that leaves the map at an instant when applied is q was deleted at d <= q.
//
// Suppose the reader loads applied as p, finds no entry, and loads applied as p
// again. Had the last write at or before p been a Set, its entry would by (1)
// have been in the map when p was first loaded, so it has left since, and by (2)
// was deleted at some d <= q = p, which contradicts that the Set was the last.
// So the key is absent at P = p.
//
// If applied moved between the two loads, the reader tries again, a few times.
// Then it holds the mutex under which entries leave the map. While it does, none
// leaves, so an entry that was there when p was loaded would be found, and the
// one load of applied is enough.

// readAttempts bounds the tries of a read that finds no entry.
const readAttempts = 4

// read returns the value of key, the position that wrote it, 0 if the variable
// does not exist, and the position that the answer reflects.
func (t *variables) read(key string, applied *atomic.Uint64) (value []byte, version, position uint64) {
	for range readAttempts {
		p := applied.Load()
		if e := t.entries.find(key); e != nil {
			return e.read(p)
		}
		if planted.On(planted.ReadMissInstalls) {
			t.installOutsideTheOrder(key, p)
		}
		if applied.Load() == p {
			return nil, 0, p
		}
	}
	return t.readExact(key, applied)
}

// readExact is read without a second attempt.
func (t *variables) readExact(key string, applied *atomic.Uint64) (value []byte, version, position uint64) {
	t.removal.Lock()
	defer t.removal.Unlock()
	p := applied.Load()
	if e := t.entries.find(key); e != nil {
		return e.read(p)
	}
	return nil, 0, p
}

// read answers from the current version, applied having been p before.
func (e *entry) read(p uint64) (value []byte, version, position uint64) {
	v := e.current.Load()
	p = max(p, v.position)
	if v.deleted {
		return nil, 0, p
	}
	return v.value(), v.position, p
}

// installOutsideTheOrder is the mistake that planted.ReadMissInstalls names.
func (t *variables) installOutsideTheOrder(key string, p uint64) {
	e := newEntry(key)
	e.current.Store(&version{position: p})
	t.add(e)
}
