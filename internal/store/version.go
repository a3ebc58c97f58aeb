package store

import (
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// An entry is a variable, or a deleted one that somebody may still ask for.
type entry struct {
	key     string
	keyHash uint64
	current atomic.Pointer[version] // never nil
	slot    uint32                  // of the owner: its number in the table's slots
	chained bool                    // of the owner: the entry waits for its versions to be trimmed
}

// A version is the state of a variable from one position on. Only prev changes
// once it is published.
type version struct {
	value    []byte // nil: deleted; an empty value is not nil
	position uint64 // of the command that wrote it
	hash     uint64 // its part of the digest, 0 if deleted
	// prev is the version before, or an older one when those between are
	// needed by no snapshot; nil if no snapshot needs any.
	prev atomic.Pointer[version]
}

// newEntry makes an entry for a key that nobody else may write to.
func newEntry(key string) *entry {
	return &entry{key: key, keyHash: xxh3.HashString(key)}
}

// newVersion copies value into a version written at position.
func (e *entry) newVersion(value []byte, position uint64) *version {
	v, space := allocate(len(value))
	copied := append(space, value...)
	v.value = copied[:len(copied):len(copied)] // who appends to it must not write here
	v.position = position
	v.hash = hashVariable(e.keyHash, value, position)
	return v
}

// allocate returns a version and space for n bytes. For short values both are
// one object, in sizes that fill the allocator's size classes, since a write
// makes no other garbage and this halves it.
func allocate(n int) (*version, []byte) {
	switch {
	case n <= 16:
		o := new(struct {
			version
			space [16]byte
		})
		return &o.version, o.space[:0]
	case n <= 48:
		o := new(struct {
			version
			space [48]byte
		})
		return &o.version, o.space[:0]
	case n <= 80:
		o := new(struct {
			version
			space [80]byte
		})
		return &o.version, o.space[:0]
	case n <= 112:
		o := new(struct {
			version
			space [112]byte
		})
		return &o.version, o.space[:0]
	case n <= 208:
		o := new(struct {
			version
			space [208]byte
		})
		return &o.version, o.space[:0]
	case n <= 464:
		o := new(struct {
			version
			space [464]byte
		})
		return &o.version, o.space[:0]
	default:
		return new(version), make([]byte, 0, n)
	}
}

// at returns the version that a snapshot at position sees, nil if it sees none.
// The snapshot must be open.
func (e *entry) at(position uint64) *version {
	v := e.current.Load()
	for v != nil && v.position > position {
		v = v.prev.Load()
	}
	if v == nil || v.value == nil {
		return nil
	}
	return v
}
