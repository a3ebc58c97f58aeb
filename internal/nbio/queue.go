package nbio

// segmentBytes is the size from which on a segment of a Queue takes no more.
const segmentBytes = 64 << 10

// Queue is a FIFO of bytes in segments, so that bytes which have queued up stay
// where they are however many come, and each segment's memory is free as soon as
// it has gone out. The zero value is ready for use, by one goroutine at a time.
type Queue struct {
	segments [][]byte
	bytes    int
	spare    []byte // a former segment, to be filled next
}

// Len returns how many bytes are queued.
func (q *Queue) Len() int { return q.bytes }

// Extend has appendTo append to what is queued. A segment that it makes longer
// than segments are stays whole.
func (q *Queue) Extend(appendTo func([]byte) []byte) {
	last := len(q.segments) - 1
	if last < 0 || len(q.segments[last]) >= segmentBytes {
		q.segments = append(q.segments, q.empty(last >= 0))
		last++
	}
	before := len(q.segments[last])
	q.segments[last] = appendTo(q.segments[last])
	q.bytes += len(q.segments[last]) - before
}

// empty returns memory for a segment: a whole one at once if others wait.
func (q *Queue) empty(others bool) []byte {
	b := q.spare
	q.spare = nil
	if b == nil && others {
		b = make([]byte, 0, segmentBytes)
	}
	return b
}

// Append copies b into the queue.
func (q *Queue) Append(b []byte) {
	q.Extend(func(dst []byte) []byte { return append(dst, b...) })
}

// Push puts b itself into the queue, as a segment.
func (q *Queue) Push(b []byte) {
	q.segments = append(q.segments, b)
	q.bytes += len(b)
}

// Pop removes the first segment and returns it, nil if there is none.
func (q *Queue) Pop() []byte {
	if len(q.segments) == 0 {
		return nil
	}
	b := q.segments[0]
	q.segments[0] = nil
	if q.segments = q.segments[1:]; len(q.segments) == 0 {
		q.segments = nil
	}
	q.bytes -= len(b)
	return b
}

// Recycle gives the queue a segment's memory to use again.
func (q *Queue) Recycle(b []byte) {
	if cap(b) <= 2*segmentBytes {
		q.spare = b[:0]
	}
}

// Clear drops all that is queued, and the memory.
func (q *Queue) Clear() { *q = Queue{} }
