package nbio

// segmentBytes is the size from which on a segment of a Queue takes no more.
const segmentBytes = 64 << 10

// Queue is a FIFO of bytes in segments, so that bytes which have queued up stay
// where they are however many come, and each segment's memory is free as soon as
// it has gone out. The zero value is ready for use, by one goroutine at a time.
type Queue struct {
	segments []segment
	bytes    int
	lent     bool   // the segment that was popped last is shared
	spare    []byte // a former segment, to be filled next
}

type segment struct {
	bytes  []byte
	shared bool // others have it too, so it stays as it is
}

// Len returns how many bytes are queued.
func (q *Queue) Len() int { return q.bytes }

// Extend has appendTo append to what is queued. A segment that it makes longer
// than segments are stays whole.
func (q *Queue) Extend(appendTo func([]byte) []byte) {
	last := len(q.segments) - 1
	if last < 0 || q.segments[last].shared || len(q.segments[last].bytes) >= segmentBytes {
		q.segments = append(q.segments, segment{bytes: q.empty(last >= 0)})
		last++
	}
	s := &q.segments[last]
	before := len(s.bytes)
	s.bytes = appendTo(s.bytes)
	q.bytes += len(s.bytes) - before
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
	q.segments = append(q.segments, segment{bytes: b})
	q.bytes += len(b)
}

// Share puts b itself into the queue, as a segment that other queues may have too: nobody
// writes to it any more.
func (q *Queue) Share(b []byte) {
	q.segments = append(q.segments, segment{bytes: b, shared: true})
	q.bytes += len(b)
}

// Pop removes the first segment and returns it, nil if there is none.
func (q *Queue) Pop() []byte {
	if len(q.segments) == 0 {
		return nil
	}
	s := q.segments[0]
	q.segments[0] = segment{}
	if q.segments = q.segments[1:]; len(q.segments) == 0 {
		q.segments = nil
	}
	q.bytes -= len(s.bytes)
	q.lent = s.shared
	return s.bytes
}

// Recycle gives the queue the memory of the segment that was popped last to use again,
// unless that is shared.
func (q *Queue) Recycle(b []byte) {
	if !q.lent && cap(b) <= 2*segmentBytes {
		q.spare = b[:0]
	}
}

// Clear drops all that is queued, and the memory.
func (q *Queue) Clear() { *q = Queue{lent: q.lent} }
