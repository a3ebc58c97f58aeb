// Package ring has a queue whose items are known by numbers that rise by one.
//
//	n := q.Push(item)     // its number
//	q.At(n)               // while the item is in the queue
//	q.Front(); q.Pop()    // the oldest
package ring

// smallest is the first size of a ring.
const smallest = 64

// Ring is a queue in a ring that doubles when it is full, so that it holds as many items
// as there have been at a time. The zero value is an empty queue whose first item is
// number 0. It is not safe for concurrent use.
type Ring[T any] struct {
	items       []T // by number; as long as a power of two
	first, next uint64
}

// Len returns how many items are in the queue.
func (r *Ring[T]) Len() int { return int(r.next - r.first) }

// First returns the number of the oldest item, or Next if there is none.
func (r *Ring[T]) First() uint64 { return r.first }

// Next returns the number of the item that is pushed next.
func (r *Ring[T]) Next() uint64 { return r.next }

// Has reports whether the item with a number is in the queue.
func (r *Ring[T]) Has(n uint64) bool { return n-r.first < r.next-r.first }

// Push appends an item and returns its number.
func (r *Ring[T]) Push(item T) (n uint64) {
	if r.next-r.first == uint64(len(r.items)) {
		r.grow()
	}
	n = r.next
	r.next++
	r.items[n&uint64(len(r.items)-1)] = item
	return n
}

func (r *Ring[T]) grow() {
	items := make([]T, max(smallest, 2*len(r.items)))
	for n := r.first; n < r.next; n++ {
		items[n&uint64(len(items)-1)] = *r.At(n)
	}
	r.items = items
}

// At returns the item with a number, which must be in the queue. The pointer is good
// until the next Push.
func (r *Ring[T]) At(n uint64) *T { return &r.items[n&uint64(len(r.items)-1)] }

// Front returns the oldest item. The queue must not be empty.
func (r *Ring[T]) Front() *T { return r.At(r.first) }

// Pop removes the oldest item and returns it. The queue must not be empty.
func (r *Ring[T]) Pop() (item T) {
	p := r.Front()
	item, *p = *p, item
	r.first++
	return item
}

// Shrink gives the memory back if the queue is empty, but for as much as a small one needs.
func (r *Ring[T]) Shrink() {
	if r.first == r.next && len(r.items) > smallest {
		r.items = nil
	}
}
