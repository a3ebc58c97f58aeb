package session

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/ring"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Pipeline has the asynchronous writes of a session that have not ended, in the
// order in which they were issued, and decides which to send. They are sent in
// runs: in each, in order, all that have not ended; when something goes wrong
// with one of them, what comes after it is refused too, and another run begins.
// Writes are known by their ordinals, which rise by one. W is what the caller
// keeps of a write. The zero value is ready for use; whoever owns it locks it.
type Pipeline[W any] struct {
	writes ring.Ring[entry[W]] // by ordinal, from the oldest that has not ended
	sent   uint64              // up to here, exclusively, this run has sent
	open   int                 // how many have not ended

	run       uint64
	fruitless int // runs in a row in which nothing was answered
}

// entry is a write in the pipeline.
type entry[W any] struct {
	op    *Operation // nil: it has ended
	write W
	run   uint64 // that sent it last and waits for its reply, and 1; 0: none
	bytes int    // of its value
	age   uint32 // tick of its stream at which it was issued
}

// Issue appends a write, and returns its ordinal.
func (p *Pipeline[W]) Issue(op *Operation, write W) (ordinal uint64) {
	p.open++
	return p.writes.Push(entry[W]{op: op, write: write})
}

// Open is how many writes have not ended.
func (p *Pipeline[W]) Open() int { return p.open }

// Unsent reports whether Next has another write to send.
func (p *Pipeline[W]) Unsent() bool { return p.sent < p.writes.Next() }

// Run is the number of the present run.
func (p *Pipeline[W]) Run() uint64 { return p.run }

// Next returns the next write to be sent in this run, if there is one, and counts
// an attempt.
func (p *Pipeline[W]) Next() (ordinal uint64, op *Operation, write W, ok bool) {
	for p.sent < p.writes.Next() {
		ordinal = p.sent
		p.sent++
		if e := p.writes.At(ordinal); e.op != nil {
			e.run = p.run + 1
			e.op.Attempt(0)
			return ordinal, e.op, e.write, true
		}
	}
	var none W
	return 0, nil, none, false
}

// Unsend takes back what Next has returned in a run from an ordinal on: there was
// no room for it.
func (p *Pipeline[W]) Unsend(run, from uint64) {
	if run != p.run {
		return
	}
	from = max(from, p.writes.First())
	for n := from; n < p.sent; n++ {
		if e := p.writes.At(n); e.run == run+1 {
			e.run = 0
			e.op.attempts--
		}
	}
	p.sent = min(p.sent, from)
}

// Find returns a write that has not ended.
func (p *Pipeline[W]) Find(ordinal uint64) (op *Operation, write W, ok bool) {
	if p.writes.Has(ordinal) {
		if e := p.writes.At(ordinal); e.op != nil {
			return e.op, e.write, true
		}
	}
	var none W
	return nil, none, false
}

// Reply takes the reply to a write that was sent in a run, and to one that has
// ended returns no op. A reply to an earlier run counts only if it ends the write:
// what else it says has been overtaken.
func (p *Pipeline[W]) Reply(run, ordinal uint64, reply *wire.Reply) (op *Operation, write W, v Verdict) {
	op, write, ok := p.Find(ordinal)
	if !ok {
		return nil, write, Unanswered
	}
	e := p.writes.At(ordinal)
	if e.run != run+1 {
		// Whether it may have been executed is noted already.
		late := *op
		v = late.Reply(reply)
		op.answered, op.expired = late.answered, late.expired
	} else {
		e.run = 0
		v = op.Reply(reply)
	}
	if v == Declined && reply.Position == 0 && ordinal != p.writes.First() {
		// The node has refused it outside of the order, perhaps before those in front of it
		// were executed. Who waits for the latest write relies on them, so it is asked again.
		v = OutOfOrder
	}
	if v == Answered {
		p.fruitless = 0
	}
	return op, write, v
}

// NoReply takes the end of a run for one of its writes without a reply. With
// notSent it certainly did not reach the node.
func (p *Pipeline[W]) NoReply(run, ordinal uint64, notSent bool) {
	op, _, ok := p.Find(ordinal)
	if !ok {
		return
	}
	if e := p.writes.At(ordinal); e.run == run+1 {
		e.run = 0
		op.NoReply(notSent)
	}
}

// Again ends a run: all that have not ended are sent again in the next one. It
// reports false if the run is not the present one.
func (p *Pipeline[W]) Again(run uint64) bool {
	if run != p.run {
		return false
	}
	for n := p.writes.First(); n < p.sent; n++ {
		if e := p.writes.At(n); e.run != 0 {
			// Its reply may still come, but nobody would wait for it.
			e.run = 0
			e.op.NoReply(false)
		}
	}
	p.run++
	p.fruitless++
	p.sent = p.writes.First()
	return true
}

// Pause is how long to wait before the present run: not at all before the second
// one without an answer in between, since another server may do better at once,
// and longer each time after that. random is from [0, 1).
func (p *Pipeline[W]) Pause(random float64) time.Duration {
	if p.fruitless < 2 {
		return 0
	}
	return Backoff(p.fruitless-1, random)
}

// End takes a write out.
func (p *Pipeline[W]) End(ordinal uint64) {
	*p.writes.At(ordinal) = entry[W]{}
	p.open--
	for p.writes.Len() > 0 && p.writes.Front().op == nil {
		p.writes.Pop()
	}
	p.sent = max(p.sent, p.writes.First())
}

// GiveUp takes the oldest write out, which must be there: its time is up. Ask
// Unknown about it.
func (p *Pipeline[W]) GiveUp() (op *Operation, write W) {
	e := *p.writes.Front()
	if e.run != 0 {
		e.op.NoReply(false)
	}
	p.End(p.writes.First())
	return e.op, e.write
}

// AppendOpen appends all writes that have not ended to list.
func (p *Pipeline[W]) AppendOpen(list []W) []W {
	for n := p.writes.First(); n < p.writes.Next(); n++ {
		if e := p.writes.At(n); e.op != nil {
			list = append(list, e.write)
		}
	}
	return list
}

// Awaited returns the write that a read of the session has to wait for, if there
// is one: the latest. Once that has ended, all before it have been executed where
// the session has seen them, or it is not known whether they ever will be.
func (p *Pipeline[W]) Awaited() (write W, ok bool) {
	if p.open == 0 || planted.On(planted.ReadOvertakes) {
		return write, false
	}
	n := p.writes.Next() - 1
	for p.writes.At(n).op == nil {
		n--
	}
	return p.writes.At(n).write, true
}
