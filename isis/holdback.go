package isis

import "github.com/seed-8247e700/dsm/internal/planted"

// entry is a message from its PROPOSE to its delivery.
type entry struct {
	sender   uint32 // rank in the view
	tie      uint32 // place of the sender's id among the members' ids
	seq      uint64
	priority uint64 // this member's proposal, then the final one
	final    bool
	count    uint32
	payload  []byte
	first    uint64 // position of its first command, once delivered

	index   int    // in the hold-back queue's heap
	missing int    // own messages: PROPOSALs still to come
	highest uint64 // own messages: highest proposal so far
}

// before tells whether e is delivered before f if nothing changes: the lower
// priority first, ties by the sender's id. (Birman and Joseph 1987, section 4.)
func (e *entry) before(f *entry) bool {
	if e.priority != f.priority {
		return e.priority < f.priority
	}
	return e.tie < f.tie
}

// holdback is the hold-back queue: a binary heap by (priority, sender). It has its own
// code because entries know their index, by which raise finds one whose priority has
// grown, and because each comparison is on the way of every message.
type holdback struct {
	heap []*entry
}

func (q *holdback) len() int { return len(q.heap) }

// head returns the entry that comes first, or nil.
func (q *holdback) head() *entry {
	if len(q.heap) == 0 {
		return nil
	}
	if planted.On(planted.WrongEnd) {
		last := q.heap[0]
		for _, e := range q.heap {
			if last.before(e) {
				last = e
			}
		}
		return last
	}
	return q.heap[0]
}

func (q *holdback) push(e *entry) {
	e.index = len(q.heap)
	q.heap = append(q.heap, e)
	q.up(e.index)
}

// raise moves e to where its priority, which has grown, belongs.
func (q *holdback) raise(e *entry) { q.down(e.index) }

// remove takes the head out of the queue.
func (q *holdback) remove(head *entry) {
	last := len(q.heap) - 1
	i := head.index
	q.swap(i, last)
	q.heap[last] = nil
	q.heap = q.heap[:last]
	q.down(i)
}

func (q *holdback) clear() {
	clear(q.heap)
	q.heap = q.heap[:0]
}

func (q *holdback) swap(i, j int) {
	q.heap[i], q.heap[j] = q.heap[j], q.heap[i]
	q.heap[i].index, q.heap[j].index = i, j
}

func (q *holdback) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.heap[i].before(q.heap[parent]) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *holdback) down(i int) {
	for {
		least := 2*i + 1
		if least >= len(q.heap) {
			return
		}
		if right := least + 1; right < len(q.heap) && q.heap[right].before(q.heap[least]) {
			least = right
		}
		if !q.heap[least].before(q.heap[i]) {
			return
		}
		q.swap(i, least)
		i = least
	}
}
