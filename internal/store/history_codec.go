package store

import (
	"encoding/binary"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/internal/wire/codec"
)

// A snapshot may carry the history, so that watches continue at a node that has just
// joined. Changes come after the variables, the newest first, each with the version that
// it replaced. The version that it wrote is known by then: it is that of the variable, or
// the one that a later change of the same variable replaced.

// keptChanges are the changes that a snapshot encodes: those with a number below next and
// a position above floor.
type keptChanges struct {
	chunks []*chunk
	end    uint64
	floor  uint64
	began  bool
	next   uint64 // number after that of the change that is encoded next
	sum    uint64 // of what has been encoded
}

// IncludeHistory has the snapshot encode the changes that are kept too, for a node that
// knows LevelVariables. It is for the owner, right after it has taken the snapshot.
func (s *Snapshot) IncludeHistory() {
	h := &s.store.variables.history
	if h.most == 0 {
		return
	}
	s.kept = &keptChanges{floor: h.floor.Load()}
	s.kept.chunks, s.kept.end = h.look()
	s.kept.next = s.kept.end
}

// How the version before a change is encoded, and whether the change is an expiry.
const (
	oldNothing = 0
	oldDeleted = 1 // position
	oldValue   = 2 // position, value
	expiry     = 4 // added
)

// encodeHistory encodes the changes. None of them is changed any more, whatever the store
// forgets meanwhile.
func (s *Snapshot) encodeHistory(p *part) bool {
	k := s.kept
	if k == nil {
		return true
	}
	if !k.began {
		if !p.add(binary.AppendUvarint(append(p.bytes, recordKept), k.floor)) {
			return false
		}
		k.began, k.sum = true, hashKept(k.floor)
	}
	h := &s.store.variables.history
	for k.next > 0 && len(k.chunks) > 0 && k.next > k.chunks[0].first {
		c := h.at(k.chunks, k.next-1)
		if c.position <= k.floor {
			break // it shares its position with changes that are not kept
		}
		old := c.oldAbove(k.floor)
		if old != nil {
			if err := c.entry.verify(old, s.store.limits.MaxValueBytes, s.position); err != nil {
				s.damage = err
				return true
			}
		}
		if !p.add(appendChange(p.bytes, c, old)) {
			return false
		}
		k.sum += hashChange(c.entry.keyHash, c.position, c.version.expired, old)
		k.next--
	}
	return true
}

// oldAbove returns the version that a change has replaced, but for a deletion that nobody
// can come to who begins above floor.
func (c *change) oldAbove(floor uint64) *version {
	if c.old != nil && c.old.deleted && c.old.position <= floor {
		return nil
	}
	return c.old
}

func appendChange(dst []byte, c *change, old *version) []byte {
	dst = append(dst, recordChange)
	dst = appendBytes(dst, c.entry.key)
	dst = binary.AppendUvarint(dst, c.position)
	var kind byte
	if c.version.expired {
		kind = expiry
	}
	switch {
	case old == nil:
		return append(dst, kind|oldNothing)
	case old.deleted:
		return binary.AppendUvarint(append(dst, kind|oldDeleted), old.position)
	default:
		dst = binary.AppendUvarint(append(dst, kind|oldValue), old.position)
		return appendBytes(dst, old.value())
	}
}

// hashKept hashes the position from which on changes are kept.
func hashKept(floor uint64) uint64 {
	return xxh3.HashSeed(binary.LittleEndian.AppendUint64(nil, floor), seedKept)
}

// hashChange hashes a change of a variable whose key hashes to keyHash.
func hashChange(keyHash, position uint64, expired bool, old *version) uint64 {
	var b [33]byte
	binary.LittleEndian.PutUint64(b[0:], keyHash)
	binary.LittleEndian.PutUint64(b[8:], position)
	if old != nil {
		binary.LittleEndian.PutUint64(b[16:], old.position)
		binary.LittleEndian.PutUint64(b[24:], old.hash)
	}
	if expired {
		b[32] = 1
	}
	return xxh3.HashSeed(b[:], seedChange)
}

// restoredHistory is a history in the making, the newest change first.
type restoredHistory struct {
	began   bool
	floor   uint64
	changes []change
	before  map[*entry]*version // the oldest version of each variable so far, nil: there was none
	sum     uint64
}

func (r *Restorer) keptFrom(d *codec.Reader) error {
	k := r.kept
	floor := d.Uvarint()
	if d.Bad() || k == nil || k.began || floor > r.position {
		return fmt.Errorf("%w: impossible beginning of the history", ErrFormat)
	}
	*k = restoredHistory{began: true, floor: floor, before: make(map[*entry]*version), sum: hashKept(floor)}
	return nil
}

// change takes the next older change.
func (r *Restorer) change(d *codec.Reader) error {
	k := r.kept
	key, position, kind := string(d.Bytes()), d.Uvarint(), d.Uint8()
	expired := kind&expiry != 0
	kind &^= expiry
	var at uint64
	var value []byte
	if kind == oldDeleted || kind == oldValue {
		at = d.Uvarint()
	}
	if kind == oldValue {
		value = d.Bytes()
	}
	impossible := fmt.Errorf("%w: impossible change of variable %.40q", ErrFormat, key)
	if d.Bad() || k == nil || !k.began || kind > oldValue || position <= k.floor || position > r.position ||
		r.store.limits.checkVariable(key, value) != wire.StatusOK {
		return impossible
	}
	if n := len(k.changes); n > 0 && k.changes[n-1].position < position {
		return impossible
	}
	if kind != oldNothing && (at == 0 || at >= position) || kind == oldDeleted && at <= k.floor {
		return impossible
	}
	e, v := r.written(key, position)
	if v == nil || expired && !v.deleted {
		return impossible
	}
	v.expired = expired
	var old *version
	switch kind {
	case oldDeleted:
		old = &version{position: at, deleted: true}
	case oldValue:
		old = e.newVersion(value, at)
	}
	k.before[e] = old
	k.changes = append(k.changes, change{position: position, entry: e, version: v, old: old})
	k.sum += hashChange(e.keyHash, position, expired, old)
	return nil
}

// written returns the version that a change of key at position wrote, nil if there is none
// such.
func (r *Restorer) written(key string, position uint64) (*entry, *version) {
	t := r.store.variables
	e := t.entries.find(key)
	if e == nil {
		// The newest change has deleted it.
		e = newEntry(key)
		e.current.Store(&version{position: position, deleted: true})
		e.slot = t.slots.add(e)
		t.add(e)
	}
	v, later := r.kept.before[e]
	if !later {
		v = e.current.Load()
	}
	if v == nil || v.position != position {
		return e, nil
	}
	return e, v
}

// KeepHistory has the restored store keep changes, as [Store.KeepHistory] does, from those
// on that the snapshot has. It comes before the first chunk.
func (r *Restorer) KeepHistory(bytes int) { r.keeps = bytes }

// finish puts the changes into the history of the variables at a position, in their order.
func (k *restoredHistory) finish(t *variables, position uint64, bytes int) {
	h := &t.history
	h.keep(bytes, position)
	if k == nil || !k.began {
		return
	}
	h.floor.Store(k.floor)
	if planted.On(planted.HistoryFloorLow) && k.floor > 0 {
		h.floor.Store(k.floor - 1)
	}
	for i := len(k.changes) - 1; i >= 0; i-- {
		c := &k.changes[i]
		h.add(c.entry, c.version, c.old)
		if c.version.deleted {
			t.tombstones.Push(tombstone{entry: c.entry, version: c.version})
		}
	}
}
