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
	v := h.values
	for i := len(v) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.Before(v[i], v[parent]) {
			return
		}
		v[i], v[parent] = v[parent], v[i]
		i = parent
	}
}

// Pop removes the first value and returns it. There must be one.
func (h *Heap[T]) Pop() T {
	v := h.values
	first, last := v[0], len(v)-1
	v[0] = v[last]
	clear(v[last:]) // it keeps nothing from the garbage collector
	v = v[:last]
	h.values = v
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h.Before(v[child], v[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		v[i], v[least] = v[least], v[i]
		i = least
	}
}
