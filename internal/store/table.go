package store

import (
	"hash/maphash"
	"iter"
	"math/bits"
	"sync/atomic"
)

// A table finds entries by key. One owner adds and removes; anyone finds beside
// it, without a lock and without waiting.
//
// It is a hash table of segments, each found by the highest bits of a key's hash
// and split in two when it is nearly full (extendible hashing: Fagin, Nievergelt,
// Pippenger and Strong, 1979), so that no single addition moves more than a
// segment. A segment is an array of buckets of one cache line. An entry lies in the
// bucket that its hash names, or, when that is full, in the next that is not; it
// stays in its place until it is removed or its segment is split. Each bucket has
// seven bits of the hash of each of its entries, so that one look at one line
// mostly tells where the entry is, or that there is none.
//
// What a reader relies on:
//
//   - An entry that is there from before find is called until after it is found.
//     It stands in one place of its segment all the time, with its tag, and the
//     buckets before it are marked as passed, which they stay.
//   - A segment that is split or laid out anew, or a directory that is replaced, is never changed
//     again. A reader that has one of them finds what was there when it loaded the
//     pointer to it, after it began.
type table struct {
	seed      maphash.Seed
	directory atomic.Pointer[directory]
	count     int // of the owner
}

// A directory has 2^k segments for the values of the k highest bits of a hash. One
// that is split fewer times stands in several neighbouring places.
type directory struct {
	shift    uint8 // 64 - k
	segments []atomic.Pointer[segment]
}

const (
	bucketBits        = 8
	bucketsPerSegment = 1 << bucketBits
	entriesPerBucket  = 7
	// maxPerSegment is how full a segment gets: to three quarters, so that an entry
	// in the next bucket is rare, and one behind it very rare.
	maxPerSegment = bucketsPerSegment * entriesPerBucket * 3 / 4

	// maxMarked is how many buckets may be marked as passed before a segment is laid
	// out anew, if leastAdded additions have paid for that. Entries come and go, and
	// marks stay: without it a search for what is not there would get longer and
	// longer.
	maxMarked  = bucketsPerSegment / 2
	leastAdded = bucketsPerSegment
)

type segment struct {
	buckets [bucketsPerSegment]bucket // at the beginning, so that each is one cache line
	depth   uint8                     // this many of the highest bits of the hash are the same in it

	// Of the owner:
	count  int // entries
	marked int // buckets that are marked as passed
	added  int // entries, since the segment was made
}

type bucket struct {
	// tags has one byte for each entry: 0 if the place is free, and else 0x80 and
	// seven bits of the hash. The highest byte is not 0 once an entry that belongs
	// here or before has gone on to the next bucket.
	tags    atomic.Uint64
	entries [entriesPerBucket]atomic.Pointer[entry]
}

const (
	eachByte = 0x0001010101010101 // without the highest
	eachHigh = 0x0080808080808080
	passed   = 1 << 63
)

// tagOf is the tag of entries with this hash. Neither the bits that choose the
// bucket are in it, nor those that choose the segment.
func tagOf(hash uint64) uint64 { return hash>>bucketBits&0x7f | 0x80 }

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	d := &directory{shift: 64, segments: make([]atomic.Pointer[segment], 1)}
	d.segments[0].Store(new(segment))
	t.directory.Store(d)
	return t
}

// find returns the entry of key, nil if there is none.
func (t *table) find(key string) *entry {
	hash := maphash.String(t.seed, key)
	d := t.directory.Load()
	s := d.segments[hash>>d.shift].Load()
	tag := tagOf(hash) * eachByte
	for i := hash; i-hash < bucketsPerSegment; i++ {
		b := &s.buckets[i%bucketsPerSegment]
		tags := b.tags.Load()
		// The bytes that equal the tag become 0, and of those the highest bit is
		// left. A byte behind one may be taken for another; the key tells.
		other := tags&^passedByte ^ tag
		for match := (other - eachByte) &^ other & eachHigh; match != 0; match &= match - 1 {
			e := b.entries[bits.TrailingZeros64(match)/8].Load()
			if e != nil && e.key == key {
				return e
			}
		}
		if tags&passed == 0 {
			break
		}
	}
	return nil
}

// passedByte are the bits of the highest byte.
const passedByte = 0xff << 56

// add takes in an entry whose key has none.
func (t *table) add(e *entry) {
	hash := maphash.String(t.seed, e.key)
	d := t.directory.Load()
	s := d.segments[hash>>d.shift].Load()
	for s.count >= maxPerSegment {
		d = t.split(d, s, hash)
		s = d.segments[hash>>d.shift].Load()
	}
	if s.marked > maxMarked && s.added >= leastAdded {
		s = t.renew(d, s, hash)
	}
	s.add(hash, e)
	t.count++
}

func (s *segment) add(hash uint64, e *entry) {
	for i := hash; ; i++ {
		b := &s.buckets[i%bucketsPerSegment]
		tags := b.tags.Load()
		if free := ^tags & eachHigh; free != 0 {
			place := bits.TrailingZeros64(free) / 8
			b.entries[place].Store(e)
			b.tags.Store(tags | tagOf(hash)<<(8*place))
			s.count++
			s.added++
			return
		}
		if tags&passed == 0 {
			b.tags.Store(tags | passed)
			s.marked++
		}
	}
}

// split replaces a segment, which has the entries whose hashes begin like hash, by
// two, and returns the directory that has them.
func (t *table) split(d *directory, s *segment, hash uint64) *directory {
	depth := s.depth + 1
	if 64-depth < d.shift {
		d = d.doubled()
	}
	halves := [2]*segment{{depth: depth}, {depth: depth}}
	for e := range s.all() {
		hash := maphash.String(t.seed, e.key)
		halves[hash>>(64-depth)&1].add(hash, e)
	}
	// The first half of the places is for hashes whose next bit is 0.
	first, places := d.places(s, hash)
	for i := range places {
		d.segments[first+i].Store(halves[i*2/places])
	}
	t.directory.Store(d)
	return d
}

// renew replaces a segment, which has the entries whose hashes begin like hash, by
// one with the same entries and without marks that nobody needs any more.
func (t *table) renew(d *directory, s *segment, hash uint64) *segment {
	fresh := &segment{depth: s.depth}
	for e := range s.all() {
		fresh.add(maphash.String(t.seed, e.key), e)
	}
	fresh.added = 0
	first, places := d.places(s, hash)
	for i := range places {
		d.segments[first+i].Store(fresh)
	}
	return fresh
}

// places tells where in the directory a segment stands, which has the entries whose
// hashes begin like hash.
func (d *directory) places(s *segment, hash uint64) (first, n int) {
	n = 1 << (64 - s.depth - d.shift)
	return int(hash>>d.shift) &^ (n - 1), n
}

// doubled returns a directory for one bit more.
func (d *directory) doubled() *directory {
	twice := &directory{shift: d.shift - 1, segments: make([]atomic.Pointer[segment], 2*len(d.segments))}
	for i := range twice.segments {
		twice.segments[i].Store(d.segments[i/2].Load())
	}
	return twice
}

// remove takes out an entry that is there.
func (t *table) remove(e *entry) {
	hash := maphash.String(t.seed, e.key)
	d := t.directory.Load()
	s := d.segments[hash>>d.shift].Load()
	for i := range uint64(bucketsPerSegment) {
		b := &s.buckets[(hash+i)%bucketsPerSegment]
		for place := range b.entries {
			if b.entries[place].Load() == e {
				b.tags.Store(b.tags.Load() &^ (0xff << (8 * place)))
				b.entries[place].Store(nil)
				s.count--
				t.count--
				return
			}
		}
	}
	panic("store: an entry that is removed is not in the table")
}

// all yields the entries of a segment. Owner only.
func (s *segment) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for i := range s.buckets {
			for place := range s.buckets[i].entries {
				if e := s.buckets[i].entries[place].Load(); e != nil && !yield(e) {
					return
				}
			}
		}
	}
}
