package check

import "slices"

// index has the keys of all variables that were ever there, sorted.
type index struct {
	keys  []string
	added []string // not yet among them
}

// add adds a key that it does not have.
func (x *index) add(key string) { x.added = append(x.added, key) }

// fewAdded is up to how many keys are inserted one by one.
const fewAdded = 32

// all returns all keys.
func (x *index) all() []string {
	if len(x.added) > fewAdded {
		x.keys = append(x.keys, x.added...)
		slices.Sort(x.keys)
		x.added = x.added[:0]
	}
	for _, key := range x.added {
		at, _ := slices.BinarySearch(x.keys, key)
		x.keys = slices.Insert(x.keys, at, key)
	}
	x.added = x.added[:0]
	return x.keys
}

// between returns the keys from from on and below to, "" for no upper bound.
func (x *index) between(from, to string) []string {
	keys := x.all()
	if to != "" {
		end, _ := slices.BinarySearch(keys, to)
		keys = keys[:end]
	}
	begin, _ := slices.BinarySearch(keys, from)
	return keys[min(begin, len(keys)):]
}
