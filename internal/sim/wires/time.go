package wires

import "time"

// event is something that happens at a moment of virtual time. Of two at the
// same moment the one that was planned first comes first.
type event struct {
	at   time.Duration
	seq  uint64
	what func()
}

func (e *event) before(f *event) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}

// Time is virtual: it goes from one event to the next.
type Time struct {
	Now  time.Duration
	heap []event // of what is to happen
	seq  uint64
}

// After has something happen after a while.
func (q *Time) After(d time.Duration, what func()) { q.At(q.Now+max(d, 0), what) }

// At has something happen at a time.
func (q *Time) At(at time.Duration, what func()) {
	q.seq++
	q.heap = append(q.heap, event{at: at, seq: q.seq, what: what})
	i := len(q.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !q.heap[i].before(&q.heap[parent]) {
			break
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

// Comes reports whether there is an event until a time.
func (q *Time) Comes(until time.Duration) bool { return len(q.heap) > 0 && q.heap[0].at <= until }

// Step lets the next event happen. There must be one.
func (q *Time) Step() {
	e := q.next()
	q.Now = max(q.Now, e.at)
	e.what()
}

// next takes the earliest event.
func (q *Time) next() event {
	first := q.heap[0]
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap[last] = event{}
	q.heap = q.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if q.heap[child].before(&q.heap[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}
