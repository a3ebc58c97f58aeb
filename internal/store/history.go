package store

import (
	"errors"
	"sort"
	"sync/atomic"
)

// ErrForgotten means that the store no longer keeps the changes that an answer would
// need, or never had them.
var ErrForgotten = errors.New("store: the changes since that position are not kept any more")

// history is a bounded log of what the latest commands have changed: the old version
// and the new one of each variable, by reference. Watches are cursors in it, and reads
// at a position of the past follow it back.
//
// It is no part of the ordered state. Replicas may keep more or less of it, so no command
// may look into it.
//
// One owner appends and forgets; anyone reads beside it without a lock. A change is
// written before the end is raised above its number, and before its version becomes the
// current one, and is never written again. Chunks that were forgotten live on as long as a
// reader looks at them.
type history struct {
	most int // bytes that may be kept; 0: nothing is kept

	// All changes above floor, a position, are kept. The owner raises it before it takes
	// chunks out of the directory. A reader that looks at it last, and finds it not above
	// its position, has missed nothing.
	floor     atomic.Uint64
	end       atomic.Uint64 // number after that of the newest change; the first has 0
	directory atomic.Pointer[[]*chunk]

	// Of the owner:
	chunks []*chunk // as in the directory
	newest *chunk
	bytes  int
}

// changesPerChunk bounds the changes of a chunk. A chunk with large values has fewer, so
// that forgetting one frees about a sixteenth of what is kept.
const (
	changesPerChunk  = 512
	chunksPerHistory = 16
)

// A chunk has the changes from number first on, up to the first of the next chunk.
type chunk struct {
	first   uint64
	changes [changesPerChunk]change

	// Of the owner:
	used  int
	bytes int // that are kept for it
}

// A change is what a command did to one variable. A command may change several.
type change struct {
	position uint64
	entry    *entry
	version  *version // from position on
	old      *version // until then; nil: there was none that anybody could still ask for
}

// What a change is counted for beside the value that it replaced.
const (
	changeBytes  = 80  // itself, and the head of the old version
	deletedBytes = 160 // the entry, which stays
)

// keep sets how many bytes may be kept of what is changed after position.
func (h *history) keep(bytes int, position uint64) {
	h.most, h.bytes = bytes, 0
	h.newest = &chunk{first: h.end.Load()}
	h.publish(nil)
	h.floor.Store(position)
}

// add takes the next change. The owner has not published its version yet.
func (h *history) add(e *entry, v, old *version) {
	if h.most == 0 {
		return
	}
	number := h.end.Load()
	c := h.newest
	if c.used == changesPerChunk || c.bytes > h.most/chunksPerHistory {
		c = &chunk{first: number}
		h.newest = c
	}
	c.changes[c.used] = change{position: v.position, entry: e, version: v, old: old}
	c.used++
	if c.used == 1 {
		h.publish(append(h.chunks, c))
	}
	size := changeBytes
	if old != nil {
		size += int(old.size)
	}
	if v.deleted {
		size += deletedBytes + len(e.key)
	}
	c.bytes += size
	h.bytes += size
	h.end.Store(number + 1)
}

// publish makes chunks the directory. Each has a change.
func (h *history) publish(chunks []*chunk) {
	h.chunks = chunks
	h.directory.Store(&chunks)
}

// forget drops the oldest changes, until those that are kept fit the bound.
func (h *history) forget() {
	dropped := 0
	for ; h.bytes > h.most && dropped < len(h.chunks)-1; dropped++ {
		c := h.chunks[dropped]
		h.bytes -= c.bytes
		h.floor.Store(c.changes[c.used-1].position)
	}
	if dropped > 0 {
		// A copy: the array before has the chunks that are dropped.
		h.publish(append(make([]*chunk, 0, len(h.chunks)+chunksPerHistory), h.chunks[dropped:]...))
	}
}

// look returns the chunks as they are now, and the number after that of the newest
// change in them.
func (h *history) look() (chunks []*chunk, end uint64) {
	end = h.end.Load() // before the directory, which then has all of them
	if d := h.directory.Load(); d != nil {
		chunks = *d
	}
	return chunks, end
}

// at returns the change with a number from that of the first chunk to below end, and
// the chunk's index.
func (h *history) at(chunks []*chunk, number uint64) *change {
	i := sort.Search(len(chunks), func(i int) bool { return chunks[i].first > number }) - 1
	return &chunks[i].changes[number-chunks[i].first]
}

// after returns the number of the first change above position, end if there is none. Of
// changes that are not in chunks it knows nothing.
func after(chunks []*chunk, end, position uint64) uint64 {
	i := sort.Search(len(chunks), func(i int) bool { return chunks[i].changes[0].position > position }) - 1
	if i < 0 {
		if len(chunks) == 0 {
			return end
		}
		return min(chunks[0].first, end)
	}
	c, next := chunks[i], end
	if i+1 < len(chunks) {
		next = min(end, chunks[i+1].first)
	}
	if next <= c.first {
		return end // the chunk is newer than end
	}
	n := sort.Search(int(next-c.first), func(n int) bool { return c.changes[n].position > position })
	return c.first + uint64(n)
}

// find returns the change that a command at position made to an entry, nil if it is not
// kept any more.
func (h *history) find(position uint64, e *entry) *change {
	chunks, end := h.look()
	for n := after(chunks, end, position-1); n < end; n++ {
		c := h.at(chunks, n)
		if c.position != position {
			break
		}
		if c.entry == e {
			return c
		}
	}
	return nil
}

// versionAt returns the version of an entry at a position, which must have been applied,
// nil if the variable did not exist then. It is false if that is not known any more.
func (h *history) versionAt(e *entry, position uint64) (*version, bool) {
	v := e.current.Load()
	for v.position > position {
		c := h.find(v.position, e)
		if c == nil {
			return nil, false
		}
		if v = c.old; v == nil {
			// If it existed before, it was deleted at the floor or below, and its entry
			// has gone.
			return nil, h.floor.Load() <= position
		}
	}
	if v.deleted {
		return nil, true
	}
	return v, true
}

// KeepHistory has the store keep what commands change from now on, until it needs more
// than some bytes: see [Store.GetAt] and [Store.AppendChanges]. 0 keeps nothing. It is for
// the owner, before readers are there.
func (s *Store) KeepHistory(bytes int) {
	s.variables.history.keep(bytes, s.applied.Load())
}

// Kept returns the position from which on reads and watches can start: everything that
// changed after it is kept.
func (s *Store) Kept() uint64 {
	if s.variables.history.most == 0 {
		return s.applied.Load()
	}
	return s.variables.history.floor.Load()
}

// GetAt returns the value of a variable at a position that has been applied, and the
// position of the command that wrote it, 0 if it did not exist. If the value has been
// replaced since and is not kept any more, ErrForgotten is returned. The value is shared and
// read-only.
func (s *Store) GetAt(key string, position uint64) (value []byte, version uint64, err error) {
	h := &s.variables.history
	e := s.variables.entries.find(key)
	if e == nil {
		// An entry leaves the table when all that is kept is younger than its deletion.
		if s.Kept() > position {
			return nil, 0, ErrForgotten
		}
		return nil, 0, nil
	}
	v, known := h.versionAt(e, position)
	switch {
	case !known:
		return nil, 0, ErrForgotten
	case v == nil:
		return nil, 0, nil
	}
	return v.value(), v.position, nil
}

// Change is what a command did to a variable. The bytes are shared and read-only.
type Change struct {
	Key      string
	Position uint64
	Value    []byte // nil: deleted
	Deleted  bool
	Expired  bool // deleted because its time was over

	Old        []byte
	OldVersion uint64 // 0: the variable did not exist

	Last bool // no other change at this position follows
}

// Seek returns a cursor to the first change after position. If not all changes after it
// are kept, ErrForgotten is returned. Cursors are of this store alone.
func (s *Store) Seek(position uint64) (cursor uint64, err error) {
	h := &s.variables.history
	chunks, end := h.look()
	cursor = after(chunks, end, position)
	if s.Kept() > position {
		return 0, ErrForgotten
	}
	return cursor, nil
}

// AppendChanges appends to dst changes from a cursor on, as many as are applied, but at
// most about most of them: those of one position stay together. It returns the cursor to
// the change after them, and a position up to which there are no others. If changes at the
// cursor are not kept any more, ErrForgotten is returned.
func (s *Store) AppendChanges(dst []Change, cursor uint64, most int) (changes []Change, next, position uint64, err error) {
	h := &s.variables.history
	position, start := s.applied.Load(), len(dst) // all changes up to position are there
	chunks, end := h.look()
	if cursor < end && (len(chunks) == 0 || cursor < chunks[0].first) {
		return dst, cursor, 0, ErrForgotten
	}
	for ; cursor < end; cursor++ {
		c := h.at(chunks, cursor)
		if c.position > position {
			break
		}
		if n := len(dst); n > start {
			same := dst[n-1].Position == c.position
			dst[n-1].Last = !same
			if most <= 0 && !same {
				return dst, cursor, dst[n-1].Position, nil
			}
		}
		dst = append(dst, c.change())
		most--
	}
	if n := len(dst); n > start {
		dst[n-1].Last = true
	}
	return dst, cursor, position, nil
}

func (c *change) change() Change {
	out := Change{Key: c.entry.key, Position: c.position, Value: c.version.value(), Deleted: c.version.deleted, Expired: c.version.expired}
	if c.old != nil && !c.old.deleted {
		out.Old, out.OldVersion = c.old.value(), c.old.position
	}
	return out
}
