package store

// fifo is a queue in a ring that grows with its content. It gives its memory
// back once it is empty. The zero value is ready for use.
type fifo[T any] struct {
	ring  []T // a power of two long
	head  int
	count int
}

// smallestRing is the first size of a ring, and the largest kept when empty.
const smallestRing = 64

func (q *fifo[T]) len() int { return q.count }

// push appends item at the end.
func (q *fifo[T]) push(item T) {
	if q.count == len(q.ring) {
		grown := make([]T, max(smallestRing, 2*len(q.ring)))
		n := copy(grown, q.ring[q.head:])
		copy(grown[n:], q.ring[:q.head])
		q.ring, q.head = grown, 0
	}
	q.ring[(q.head+q.count)&(len(q.ring)-1)] = item
	q.count++
}

// front returns the first item, which must be there.
func (q *fifo[T]) front() T { return q.ring[q.head] }

// pop removes the first item, which must be there.
func (q *fifo[T]) pop() {
	var none T
	q.ring[q.head] = none
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.count--
	if q.count == 0 && len(q.ring) > smallestRing {
		q.ring, q.head = nil, 0
	}
}
