package server

import (
	"context"
	"math"
	"sync"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/isis"
)

// turnstile gives the protocol state one owner at a time. Whoever brings work
// while nobody owns it takes the turns himself, on his own goroutine; who comes
// while it is owned leaves his work in the inbox. So a quiet node answers
// without handing over to another goroutine, and a busy one gathers batches.
//
// Work never lies in the inbox unless somebody owns the turn, or a loop is in a
// round, which takes the turn at its end.
type turnstile struct {
	owner owner

	mu        sync.Mutex // guards all below
	room      sync.Cond  // there is room for commands again, or none to wait for
	in        *member.Inbox
	spare     *member.Inbox // the one that the owner does not work on
	owned     bool
	stopped   bool // then owned is set for good: nobody enters again
	gathering int  // loops that are in a round
	gate      member.Gate
}

// owner does the work of the turns.
type owner interface {
	// turn works on what has come, and returns how many bytes of commands are not
	// under way any more, and whether there will be another turn.
	turn(work *member.Inbox) (released int, goesOn bool)

	// end is called after the last turn, with what came too late for it.
	end(rest *member.Inbox)

	// serves reports whether whoever waits for room goes on waiting. It is called
	// with the turnstile locked, and must neither block nor come back to it.
	serves() bool

	// goOn has work done on another goroutine.
	goOn(work func())
}

// batch is commands that a client wants ordered, one after the other.
type batch interface {
	// add puts the next command into in, and returns its size. It returns 0 if none
	// is left, or if the client may not have another one under way. It is called with
	// the turnstile locked.
	add(in *member.Inbox) (size int)
}

func (t *turnstile) init(limit int, owner owner) {
	t.gate, t.owner = member.NewGate(limit), owner
	t.in, t.spare = new(member.Inbox), new(member.Inbox)
	t.room.L = &t.mu
}

// deliver takes messages of another member.
func (t *turnstile) deliver(from isis.MemberID, msgs []isis.Message) {
	t.mu.Lock()
	if !t.stopped {
		for i := range msgs {
			t.in.Message(from, &msgs[i])
		}
	}
	t.leave(false)
}

// post has fn called by the owner of the turn, soon. It tells whether it will: not
// after the end.
func (t *turnstile) post(fn func(*member.Member)) bool {
	t.mu.Lock()
	posted := !t.stopped
	if posted {
		t.in.Call(fn)
	}
	t.leave(false)
	return posted
}

// submit takes as many commands of a batch as there is room for, and returns how
// many.
func (t *turnstile) submit(b batch) (taken int) {
	t.mu.Lock()
	for t.gate.Open() && !t.stopped {
		size := b.add(t.in)
		if size == 0 {
			break
		}
		t.gate.Admit(size)
		taken++
	}
	t.leave(false)
	return taken
}

// submitWithin is submit for a batch that has a command to add, and waits until
// there is room for one. It takes none if there is none to wait for, as awaitRoom
// says.
func (t *turnstile) submitWithin(ctx, within context.Context, b batch) (taken int) {
	for {
		if taken = t.submit(b); taken > 0 || !t.awaitRoom(ctx, within) {
			return taken
		}
	}
}

// awaitRoom waits until there is room for commands, and reports whether there is. It
// gives up at the end of either context, of which within may be nil, at the end of the
// turns, and while the owner does not serve.
func (t *turnstile) awaitRoom(ctx, within context.Context) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gate.Open() || t.stopped {
		return !t.stopped
	}
	ended := func() bool { return false }
	for _, c := range []context.Context{ctx, within} {
		if c != nil {
			before := ended
			ended = func() bool { return before() || c.Err() != nil }
			defer context.AfterFunc(c, t.wakeWaiting)()
		}
	}
	for !t.gate.Open() && !t.stopped && t.owner.serves() && !ended() {
		t.room.Wait()
	}
	return t.gate.Open() && !t.stopped && !ended()
}

// wakeWaiting has those that wait for room look whether they still should.
func (t *turnstile) wakeWaiting() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.room.Broadcast()
}

// beginRound begins a round of a loop: what its connections bring waits in the inbox
// for the end of it, so that one turn works on all of it.
func (t *turnstile) beginRound() {
	t.mu.Lock()
	t.gathering++
	t.mu.Unlock()
}

// endRound ends a round of a loop.
func (t *turnstile) endRound() {
	t.mu.Lock()
	t.gathering--
	t.leave(true)
}

// leave unlocks, and takes the turns if there is work and nobody else will. The end
// of a loop's round does not wait for the rounds of others: they may overlap for
// ever.
func (t *turnstile) leave(endsRound bool) {
	takes := !t.owned && !t.in.Empty() && (t.gathering == 0 || endsRound)
	if takes {
		t.owned = true
	}
	t.mu.Unlock()
	if takes {
		t.takeTurns()
	}
}

// guestTurns bounds the turns in a row of whoever has brought work. He has work
// of his own: a link's reader that does not read takes its peer for silent, a
// client connection's keeps its client waiting.
const guestTurns = 8

// takeTurns works until nothing is left to do, or hands over to a goroutine that
// does. Owner only.
func (t *turnstile) takeTurns() {
	if !t.workOff(guestTurns) {
		t.owner.goOn(func() { t.workOff(math.MaxInt) })
	}
}

// workOff takes up to limit turns. It tells whether it has given up the turn: then
// another may own it already.
func (t *turnstile) workOff(limit int) bool {
	var work *member.Inbox
	released := 0
	for range limit {
		if work = t.next(work, released); work == nil {
			return true
		}
		var goesOn bool
		if released, goesOn = t.owner.turn(work); !goesOn {
			t.owner.end(t.stop())
			return true
		}
	}
	t.keep(work, released)
	return false
}

// next hands the owner the work that has come, nil when there is none: then it
// is the owner no more. done is what it has worked on before.
func (t *turnstile) next(done *member.Inbox, released int) *member.Inbox {
	if done != nil {
		done.Reset()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.takeBack(done, released)
	if t.in.Empty() {
		t.owned = false
		return nil
	}
	work := t.in
	t.in = t.spare
	return work
}

// keep takes back what the owner has worked on, who goes on as another goroutine.
func (t *turnstile) keep(done *member.Inbox, released int) {
	done.Reset()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.takeBack(done, released)
}

// takeBack keeps an inbox that was worked on, and makes room. It is called with the
// turnstile locked.
func (t *turnstile) takeBack(done *member.Inbox, released int) {
	if done != nil {
		t.spare = done
	}
	if t.gate.Release(released) {
		t.room.Broadcast()
	}
}

// stop ends the turns, and returns what nobody will work on. Owner only.
func (t *turnstile) stop() (rest *member.Inbox) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	rest, t.in = t.in, new(member.Inbox)
	t.room.Broadcast()
	return rest
}
