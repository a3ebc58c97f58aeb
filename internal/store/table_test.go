package store

import (
	"fmt"
	"iter"
	"math/bits"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// all yields the entries of a table, each once.
func (t *table) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		d := t.directory.Load()
		for i := 0; i < len(d.segments); {
			s := d.segments[i].Load()
			for e := range s.all() {
				if !yield(e) {
					return
				}
			}
			i += 1 << (64 - s.depth - d.shift)
		}
	}
}

// check holds the table to what it has to have, and to its own rules.
func (t *table) check(tb rapid.TB, want map[string]*entry) {
	tb.Helper()
	if t.count != len(want) {
		tb.Fatalf("it counts %d entries, want %d", t.count, len(want))
	}
	for key, e := range want {
		if t.find(key) != e {
			tb.Fatalf("%q is not found", key)
		}
	}
	found := 0
	for e := range t.all() {
		found++
		if want[e.key] != e {
			tb.Fatalf("%q is in it", e.key)
		}
	}
	if found != len(want) {
		tb.Fatalf("%d entries stand in it, want %d", found, len(want))
	}
	d := t.directory.Load()
	for i := range d.segments {
		s := d.segments[i].Load()
		places := 1 << (64 - s.depth - d.shift)
		if s != d.segments[i&^(places-1)].Load() || s.count > maxPerSegment {
			tb.Fatalf("a segment of depth %d and %d entries stands at %d", s.depth, s.count, i)
		}
		for b := range s.buckets {
			for place := range s.buckets[b].entries {
				tag := s.buckets[b].tags.Load() >> (8 * place) & 0xff
				e := s.buckets[b].entries[place].Load()
				if (tag != 0) != (e != nil) {
					tb.Fatalf("tag %x of entry %v", tag, e)
				}
			}
		}
	}
}

// TestTableAgainstMap adds and removes as it happens, beside a map.
func TestTableAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, oracle := newTable(), make(map[string]*entry)
		for range rapid.IntRange(1, 6).Draw(t, "phases") {
			grow := rapid.Bool().Draw(t, "grow")
			for range rapid.IntRange(0, 4000).Draw(t, "steps") {
				key := strconv.Itoa(rapid.IntRange(0, 5000).Draw(t, "key"))
				e := oracle[key]
				if table.find(key) != e {
					t.Fatalf("%q is found: %v", key, e == nil)
				}
				switch {
				case grow && e == nil:
					oracle[key] = newEntry(key)
					table.add(oracle[key])
				case !grow && e != nil:
					table.remove(e)
					delete(oracle, key)
				}
			}
		}
		table.check(t, oracle)
	})
}

// TestTableOverflows fills buckets beyond what they hold: entries go on to the next
// ones, around the end of the segment, and are found there also when places before
// them become free.
func TestTableOverflows(t *testing.T) {
	var s segment
	var entries []*entry
	for i := range 3*entriesPerBucket + 1 {
		e := newEntry(strconv.Itoa(i))
		entries = append(entries, e)
		s.add(bucketsPerSegment-2, e) // the last bucket but one
	}
	for bucket, want := range map[int]int{bucketsPerSegment - 2: 7, bucketsPerSegment - 1: 7, 0: 7, 1: 1, 2: 0} {
		tags := s.buckets[bucket].tags.Load()
		if got := bits.OnesCount64(tags & eachHigh); got != want || tags&passed != 0 != (want == 7) {
			t.Errorf("bucket %d has %d entries, want %d; tags %x", bucket, got, want, tags)
		}
	}
	if s.count != len(entries) {
		t.Errorf("%d entries, want %d", s.count, len(entries))
	}
}

// TestTableSplits grows a table to many segments and empties it again.
func TestTableSplits(t *testing.T) {
	const n = 20 * maxPerSegment
	table, want := newTable(), make(map[string]*entry)
	for i := range n {
		e := newEntry(fmt.Sprintf("key %d", i))
		table.add(e)
		want[e.key] = e
	}
	table.check(t, want)
	if segments := len(table.directory.Load().segments); segments < 20 {
		t.Errorf("%d places for segments", segments)
	}
	for key, e := range want {
		table.remove(e)
		delete(want, key)
	}
	table.check(t, want)
}

// TestTableFindsBesideTheOwner holds that what stays in the table is found at any
// time, however the owner splits its segments, and adds and removes others.
func TestTableFindsBesideTheOwner(t *testing.T) {
	table := newTable()
	var stay []*entry
	for i := range maxPerSegment / 2 {
		stay = append(stay, newEntry(fmt.Sprintf("stays %d", i)))
		table.add(stay[i])
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !stop.Load() {
				for _, e := range stay {
					if table.find(e.key) != e {
						t.Errorf("%q is not found", e.key)
						return
					}
				}
			}
		})
	}
	var others []*entry
	for i := range 8 * maxPerSegment {
		others = append(others, newEntry(fmt.Sprintf("goes %d", i)))
		table.add(others[i])
		if i%3 == 0 {
			table.remove(others[i/3])
			others[i/3] = nil
		}
	}
	stop.Store(true)
	readers.Wait()
}

// Names that come and go for ever leave no marks that make searches long, least of
// all endless ones.
func TestTableChurn(t *testing.T) {
	for _, live := range []int{300, 1000, maxPerSegment - 1} {
		table := newTable()
		ring, most := make([]*entry, live), 0
		for i := range 60_000 {
			if old := ring[i%live]; old != nil {
				table.remove(old)
			}
			e := newEntry("name " + strconv.Itoa(i))
			ring[i%live] = e
			table.add(e)
			if table.find(e.key) != e {
				t.Fatalf("%q is not found", e.key)
			}
			if table.find("absent") != nil {
				t.Fatal("what is not there was found")
			}
			d := table.directory.Load()
			for i := range d.segments {
				most = max(most, d.segments[i].Load().marked)
			}
		}
		// Between one layout and the next there may be some more than maxMarked.
		if most > maxMarked+leastAdded/4 {
			t.Errorf("%d names at a time: up to %d of %d buckets were marked", live, most, bucketsPerSegment)
		}
	}
}
