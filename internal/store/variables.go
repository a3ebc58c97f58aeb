package store

import (
	"sync"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/ring"
)

// variables is the table of all variables. One owner writes; anyone reads
// beside it (see read.go).
type variables struct {
	entries *table
	index   index

	slots   slots[entry]
	opened  *openSnapshots
	history history
	timers  timers
	owners  owners
	loading bool   // a snapshot is restored: its entries come into the index at the end
	sum     uint64 // of the hashes of all that exist
	used    Usage  // by all that exist

	// removal is held while entries leave the map. See readExact.
	removal    sync.Mutex
	tombstones ring.Ring[tombstone] // deleted variables that are still in the map, by position
	chained    ring.Ring[*entry]    // entries with older versions
	trimLeft   int                  // so many of chained are to be looked at
}

// A tombstone is a deleted variable that is still in the map.
type tombstone struct {
	entry   *entry
	version *version // the deletion; if it is not current, the variable was written again
}

func newVariables(opened *openSnapshots) *variables {
	return &variables{entries: newTable(), index: newIndex(), timers: newTimers(), owners: newOwners(), opened: opened}
}

// find returns the entry of key, nil if there is none, and the version that
// exists now, nil if the variable does not exist.
func (t *variables) find(key string) (*entry, *version) {
	e := t.entries.find(key)
	if e == nil {
		return nil, nil
	}
	v := e.current.Load()
	if v.deleted {
		return e, nil
	}
	return e, v
}

// set writes a copy of value to key, whose entry find returned, and returns the entry.
func (t *variables) set(e *entry, key string, value []byte, position uint64) *entry {
	if e != nil {
		t.replace(e, e.newVersion(value, position))
		return e
	}
	e = newEntry(key) // which aliases the message
	v := e.newVersion(value, position)
	t.sum += v.hash
	t.used.add(key, len(value))
	e.current.Store(v)
	t.history.add(e, v, nil)
	e.slot = t.slots.add(e)
	t.add(e)
	return e
}

// add puts an entry into the map. Only with the mistake that it names does anybody
// but the owner do so.
func (t *variables) add(e *entry) {
	if planted.On(planted.ReadMissInstalls) {
		t.removal.Lock()
		defer t.removal.Unlock()
		if t.entries.find(e.key) != nil {
			return
		}
	}
	t.entries.add(e)
	if !t.loading {
		t.index.add(e)
	}
}

// indexAll puts all entries into the index, which has none.
func (t *variables) indexAll() {
	t.loading = false
	entries := make([]*entry, 0, t.entries.count)
	for i := range t.slots.used {
		if e := t.slots.cell(i + 1).Load(); e != nil {
			entries = append(entries, e)
		}
	}
	t.index.load(entries)
}

// remove deletes a variable that exists. Its entry stays until reap.
func (t *variables) remove(e *entry, position uint64) {
	t.end(e, &version{position: position, deleted: true})
}

// expire deletes a variable whose time is over.
func (t *variables) expire(e *entry, position uint64) {
	t.end(e, &version{position: position, deleted: true, expired: true})
}

// allSums is the part of the digest that the variables have, with their timers and owners.
func (t *variables) allSums() uint64 { return t.sum + t.timers.sum + t.owners.sum }

// free takes from a variable what would end it by itself.
func (t *variables) free(e *entry) {
	if e.timed || e.owned {
		t.timers.clear(e)
		t.owners.clear(e)
	}
}

// end makes v, a deletion, the current version.
func (t *variables) end(e *entry, v *version) {
	t.free(e)
	t.replace(e, v)
	t.tombstones.Push(tombstone{entry: e, version: v})
}

// replace makes v the current version, and keeps the one before behind it only
// if an open snapshot sees it.
func (t *variables) replace(e *entry, v *version) {
	old := e.current.Load()
	t.sum += v.hash - old.hash
	if !old.deleted {
		t.used.drop(e.key, int(old.size))
	}
	if !v.deleted {
		t.used.add(e.key, int(v.size))
	}
	if t.opened.any() {
		if t.opened.sees(e.slot, old.position, v.position) {
			p := &past{version: old}
			p.prev.Store(e.past.Load())
			e.past.Store(p)
		}
		if !e.chained && e.past.Load() != nil {
			e.chained = true
			t.chained.Push(e)
		}
	} else if e.past.Load() != nil {
		e.past.Store(nil)
	}
	if !v.expired || !planted.On(planted.ExpiryUnseen) {
		t.history.add(e, v, old)
	}
	e.current.Store(v)
}
