package store

import (
	"slices"
	"strings"

	"github.com/tidwall/btree"
)

// index has the entries of the table in the order of their keys. The owner adds and
// removes, which only new and forgotten names need; a scan looks at a copy of the tree,
// which costs the same however many entries there are, and shares all nodes that the owner
// does not change meanwhile.
type index struct {
	tree *btree.BTreeG[*entry]
}

func newIndex() index {
	return index{btree.NewBTreeG(func(a, b *entry) bool { return a.key < b.key })}
}

func (x *index) add(e *entry) { x.tree.Set(e) }

func (x *index) remove(e *entry) { x.tree.Delete(e) }

// load takes in many entries at once, in any order, that are not there yet.
func (x *index) load(entries []*entry) {
	slices.SortFunc(entries, func(a, b *entry) int { return strings.Compare(a.key, b.key) })
	for _, e := range entries {
		x.tree.Load(e)
	}
}

// Range is a part of the keys, in the order of their bytes: those from From on and below
// To. If To is "", there is no upper bound.
type Range struct {
	From, To string
}

// PrefixRange returns the range of the keys that begin with a prefix.
func PrefixRange(prefix string) Range {
	end := []byte(prefix)
	for n := len(end); n > 0; n-- {
		if end[n-1]++; end[n-1] != 0 {
			return Range{From: prefix, To: string(end[:n])}
		}
	}
	return Range{From: prefix}
}

// Has reports whether a key is in the range.
func (r Range) Has(key string) bool { return key >= r.From && (r.To == "" || key < r.To) }

// Empty reports whether no key can be in the range.
func (r Range) Empty() bool { return r.To != "" && r.From >= r.To }

// walk calls visit for the entries of a range, in their order or the reverse, until it
// returns false.
func walk(tree *btree.BTreeG[*entry], r Range, reverse bool, visit func(*entry) bool) {
	if r.Empty() {
		return
	}
	if !reverse {
		tree.Ascend(&entry{key: r.From}, func(e *entry) bool {
			return (r.To == "" || e.key < r.To) && visit(e)
		})
		return
	}
	down := func(e *entry) bool { return e.key >= r.From && (r.To != "" && e.key == r.To || visit(e)) }
	if r.To == "" {
		tree.Reverse(down)
	} else {
		tree.Descend(&entry{key: r.To}, down)
	}
}

// Item is a variable as a scan shows it. The value is shared and read-only.
type Item struct {
	Key     string
	Version uint64
	Value   []byte
}

// Bytes is what an item counts for in a page, with or without its value.
func (i *Item) Bytes(keys bool) int {
	if keys {
		return len(i.Key)
	}
	return len(i.Key) + len(i.Value)
}

// Page says how much of a range a scan shows at once.
type Page struct {
	Reverse bool // from the end of the range down
	Items   int  // at most; at least 1
	Bytes   int  // of keys and values, unless the first item has more
	Keys    bool // values do not count
	Visits  int  // entries that are looked at, among them those that do not exist at the position; at least 1
}

// ScanAt appends to dst the variables of a range as they were at a position that has been
// applied. If there may be more, rest is the range that they are in; otherwise it is empty.
// If what has changed since the position is not kept any more, ErrForgotten is returned.
// Any goroutine may call it; the owner waits for none.
func (s *Store) ScanAt(dst []Item, r Range, position uint64, p Page) (items []Item, rest Range, more bool, err error) {
	t, h := s.variables, &s.variables.history
	tree := t.index.tree.Copy()
	bytes, visits, start := 0, 0, len(dst)
	walk(tree, r, p.Reverse, func(e *entry) bool {
		if more = visits >= p.Visits || len(dst)-start >= p.Items; more {
			rest = r.rest(e.key, p.Reverse)
			return false
		}
		visits++
		v, known := h.versionAt(e, position)
		if !known {
			err = ErrForgotten
			return false
		}
		if v == nil {
			return true
		}
		size := len(e.key)
		if !p.Keys {
			size += int(v.size)
		}
		if more = len(dst) > start && bytes+size > p.Bytes; more {
			rest = r.rest(e.key, p.Reverse)
			return false
		}
		bytes += size
		dst = append(dst, Item{Key: e.key, Version: v.position, Value: v.value()})
		return true
	})
	// Entries that have left the table meanwhile existed at a position below the floor.
	if err == nil && s.Kept() > position {
		err = ErrForgotten
	}
	if err != nil {
		return dst[:start], Range{}, false, err
	}
	return dst, rest, more, nil
}

// rest is what of a range has not been walked over when key comes next.
func (r Range) rest(key string, reverse bool) Range {
	if reverse {
		return Range{From: r.From, To: key + "\x00"}
	}
	return Range{From: key, To: r.To}
}
