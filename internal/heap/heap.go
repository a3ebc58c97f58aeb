// Package heap has a binary heap of values, without an allocation for each:
//
//	jobs := heap.Heap[job]{Before: func(a, b job) bool { return a.at < b.at }}
//	jobs.Push(job{at: 3})
//	for jobs.Len() > 0 && jobs.First().at <= now {
//		do(jobs.Pop())
//	}
//
// The hold-back queue of package isis has a heap of its own, which moves entries whose
// priority grows.
package heap

// Heap keeps values of which the first one can be taken. Before must be set.
type Heap[T any] struct {
	Before func(a, b T) bool // whether a is taken before b

	// Moved, if set, is called with each value that comes to an index of All, which Fix
	// and Remove need.
	Moved func(value T, index int)

	values []T
}

// Len returns the number of values.
func (h *Heap[T]) Len() int { return len(h.values) }

// First returns the value that Pop takes next. There must be one.
func (h *Heap[T]) First() T { return h.values[0] }

// All returns every value, in an order that means nothing. The slice is valid until the
// heap changes.
func (h *Heap[T]) All() []T { return h.values }

// Push adds a value.
func (h *Heap[T]) Push(value T) {
	h.values = append(h.values, value)
	h.up(len(h.values) - 1)
}

// Pop removes the first value and returns it. There must be one.
func (h *Heap[T]) Pop() T { return h.Remove(0) }

// Remove removes the value at an index and returns it.
func (h *Heap[T]) Remove(index int) T {
	v := h.values
	removed, last := v[index], len(v)-1
	v[index] = v[last]
	clear(v[last:]) // it keeps nothing from the garbage collector
	h.values = v[:last]
	if index < last {
		h.Fix(index)
	}
	return removed
}

// Fix gives the value at an index the place that it should have, once it has changed.
func (h *Heap[T]) Fix(index int) {
	if index > 0 && h.Before(h.values[index], h.values[(index-1)/2]) {
		h.up(index)
		return
	}
	h.down(index)
}

// up moves the value at an index towards the first.
func (h *Heap[T]) up(i int) {
	v := h.values
	for i > 0 {
		parent := (i - 1) / 2
		if !h.Before(v[i], v[parent]) {
			break
		}
		v[i], v[parent] = v[parent], v[i]
		h.moved(i)
		i = parent
	}
	h.moved(i)
}

// down moves the value at an index away from the first.
func (h *Heap[T]) down(i int) {
	v := h.values
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(v); child++ {
			if h.Before(v[child], v[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		v[i], v[least] = v[least], v[i]
		h.moved(i)
		i = least
	}
	h.moved(i)
}

func (h *Heap[T]) moved(i int) {
	if h.Moved != nil {
		h.Moved(h.values[i], i)
	}
}
