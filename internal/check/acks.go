package check

import "slices"

// maxAcknowledged bounds the acknowledgements kept. An operation that began before
// all of them cannot be checked.
const maxAcknowledged = 1 << 22

// acks has the highest position that anybody was told of by each of many times.
type acks struct {
	grain   int64    // times that are in the same piece, so many ns long, are one; 0: each is one
	kept    []moment // rising
	dropped moment   // the newest that is not kept any more
}

// moment is the highest position up to a time.
type moment struct {
	end  int64
	seen uint64
}

// add takes an acknowledgement. They come in the order of their times.
func (a *acks) add(end int64, position uint64) {
	n := len(a.kept)
	switch {
	case n > 0 && a.kept[n-1].seen >= position || position <= a.dropped.seen:
		return
	case n > 0 && a.grain > 0 && a.kept[n-1].end/a.grain == end/a.grain:
		a.kept[n-1] = moment{end: end, seen: position}
		return
	case n == maxAcknowledged:
		a.drop(n / 2)
	}
	a.kept = append(a.kept, moment{end: end, seen: position})
}

// before is the newest acknowledgement before a time, unless that is not known any
// more. With a grain it may be one of a little earlier.
func (a *acks) before(time int64) (m moment, known bool) {
	if n := a.count(time); n > 0 {
		return a.kept[n-1], true
	}
	return a.dropped, a.dropped.seen == 0 || a.dropped.end < time
}

// forget tells that nobody will ask for a time before this one.
func (a *acks) forget(time int64) {
	// The newest of those before it is still the answer.
	if n := a.count(time) - 1; n > len(a.kept)/2 {
		a.drop(n)
	}
}

// count is how many of the acknowledgements kept are before a time.
func (a *acks) count(time int64) int {
	n, _ := slices.BinarySearchFunc(a.kept, time, func(m moment, time int64) int {
		if m.end < time {
			return -1
		}
		return 1
	})
	return n
}

func (a *acks) drop(n int) {
	a.dropped = a.kept[n-1]
	a.kept = slices.Delete(a.kept, 0, n)
}
