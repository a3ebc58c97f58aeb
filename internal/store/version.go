package store

import (
	"sync/atomic"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// An entry is a variable, or a deleted one that somebody may still ask for. It is
// one object with its key, unless that is long, and mostly one cache line.
type entry struct {
	key     string
	current atomic.Pointer[version] // never nil
	// past are versions before the current one that open snapshots need, the
	// newest first; nil if there are none.
	past    atomic.Pointer[past]
	keyHash uint64
	slot    uint32 // of the owner: its number in the table's slots
	chained bool   // of the owner: the entry waits for its versions to be trimmed
	timed   bool   // of the owner: the variable has a timer
	owned   bool   // of the owner: the variable has an owner
}

// A version is the state of a variable from one position on. It never changes once
// it is published. Its value follows it in the same object, which has no pointer
// in it: the garbage collector need not look inside.
type version struct {
	position uint64 // of the command that wrote it
	hash     uint64 // its part of the digest, 0 if deleted
	size     uint32 // of the value, in bytes
	deleted  bool
	expired  bool // deleted because its time was over
}

// A past is a version that has been replaced. What stands behind it is older; the
// versions between are needed by no snapshot.
type past struct {
	*version
	prev atomic.Pointer[past]
}

// newEntry makes an entry for a copy of key.
func newEntry(key string) *entry {
	e, space := allocateEntry(len(key))
	copied := append(space, key...)
	e.key = unsafe.String(unsafe.SliceData(copied), len(copied)) // which nobody writes to any more
	e.keyHash = xxh3.HashString(key)
	return e
}

// allocateEntry returns an entry and space for a key of n bytes, in sizes that
// fill the allocator's size classes.
func allocateEntry(n int) (*entry, []byte) {
	switch {
	case n <= 16:
		o := new(struct {
			entry
			space [16]byte
		})
		return &o.entry, o.space[:0]
	case n <= 48:
		o := new(struct {
			entry
			space [48]byte
		})
		return &o.entry, o.space[:0]
	case n <= 112:
		o := new(struct {
			entry
			space [112]byte
		})
		return &o.entry, o.space[:0]
	default:
		return new(entry), make([]byte, 0, n)
	}
}

// newVersion copies value into a version written at position.
func (e *entry) newVersion(value []byte, position uint64) *version {
	object := make([]byte, int(unsafe.Sizeof(version{}))+len(value))
	copy(object[unsafe.Sizeof(version{}):], value)
	v := (*version)(unsafe.Pointer(unsafe.SliceData(object))) // aligned, as all objects of its size
	v.position = position
	v.hash = hashVariable(e.keyHash, value, position)
	v.size = uint32(len(value)) // limits keep it below
	return v
}

// value returns the value, nil if the version is a deletion; an empty value is not
// nil. Who appends to it gets a copy.
func (v *version) value() []byte {
	switch {
	case v.deleted:
		return nil
	case v.size == 0:
		return []byte{}
	}
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(v), unsafe.Sizeof(*v))), v.size)
}

// at returns the version that a snapshot at position sees, nil if it sees none.
// The snapshot must be open.
func (e *entry) at(position uint64) *version {
	v := e.current.Load()
	if v.position > position {
		// What is replaced becomes past before the new version becomes current.
		p := e.past.Load()
		for p != nil && p.position > position {
			p = p.prev.Load()
		}
		if p == nil {
			return nil
		}
		v = p.version
	}
	if v.deleted {
		return nil
	}
	return v
}
