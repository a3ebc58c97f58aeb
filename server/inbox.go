package server

import (
	"context"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/isis"
)

// inbox is what waits for the next turn. Everything in it is copied: nothing
// points into a connection's buffer.
type inbox struct {
	peers    []peerMessage
	acks     []uint64 // memory of the messages' Acks
	commands []command
	bytes    []byte // memory of the commands
	calls    []func()
}

// peerMessage is a message from another member.
type peerMessage struct {
	from isis.MemberID
	msg  isis.Message
}

// command is a client's command and who waits for its result.
type command struct {
	start, end int // in inbox.bytes
	waiter     waiter
}

func (in *inbox) empty() bool {
	return len(in.peers) == 0 && len(in.commands) == 0 && len(in.calls) == 0
}

func (in *inbox) reset() {
	clear(in.peers)
	clear(in.commands)
	clear(in.calls)
	in.peers = in.peers[:0]
	in.commands = in.commands[:0]
	in.calls = in.calls[:0]
	in.acks = in.acks[:0]
	if cap(in.bytes) > 4<<20 {
		in.bytes = nil
	}
	in.bytes = in.bytes[:0]
}

func (in *inbox) addPeer(from isis.MemberID, m *isis.Message) {
	start := len(in.acks)
	in.acks = append(in.acks, m.Acks...)
	in.peers = append(in.peers, peerMessage{from: from, msg: *m})
	in.peers[len(in.peers)-1].msg.Acks = in.acks[start:len(in.acks):len(in.acks)]
}

func (in *inbox) addCommand(raw []byte, w waiter) {
	start := len(in.bytes)
	in.bytes = append(in.bytes, raw...)
	in.commands = append(in.commands, command{start: start, end: len(in.bytes), waiter: w})
}

// encodeCommand is addCommand for a command that is not encoded yet. It returns
// its length.
func (in *inbox) encodeCommand(cmd *wire.Command, w waiter) int {
	start := len(in.bytes)
	in.bytes = cmd.Append(in.bytes)
	in.commands = append(in.commands, command{start: start, end: len(in.bytes), waiter: w})
	return len(in.bytes) - start
}

// waiter waits for the result of a command: a request on a client connection,
// or a function, which is called from the protocol loop and must not block.
// The zero waiter is nobody.
type waiter struct {
	conn   *clientConn
	id     uint64
	charge int64 // of the connection, until it is answered
	call   func(wire.Result)
	sink   *localSink // of a write that was submitted, whose tag is id
}

// waiters is a FIFO of those whose commands are under way, in the order of
// submission, which is the order of delivery.
type waiters struct {
	ring    []pendingCommand // length a power of two
	head    int
	n       int
	expired int // the oldest so many were told that time is up
}

type pendingCommand struct {
	waiter
	bytes int       // of the command, as admitted
	since time.Time // roughly when it was submitted
}

func (w *waiters) push(p pendingCommand) {
	if w.n == len(w.ring) {
		bigger := make([]pendingCommand, max(64, 2*len(w.ring)))
		for i := range w.n {
			bigger[i] = w.ring[(w.head+i)&(len(w.ring)-1)]
		}
		w.ring, w.head = bigger, 0
	}
	w.ring[(w.head+w.n)&(len(w.ring)-1)] = p
	w.n++
}

func (w *waiters) pop() (pendingCommand, bool) {
	if w.n == 0 {
		return pendingCommand{}, false
	}
	p := w.ring[w.head]
	w.ring[w.head] = pendingCommand{}
	w.head = (w.head + 1) & (len(w.ring) - 1)
	w.n--
	w.expired = max(w.expired-1, 0)
	return p, true
}

// expire returns, one by one, who has waited since before a time and was not
// told so yet. The place in the FIFO remains.
func (w *waiters) expire(before time.Time) (waiter, bool) {
	if w.expired == w.n {
		return waiter{}, false
	}
	p := &w.ring[(w.head+w.expired)&(len(w.ring)-1)]
	if !p.since.Before(before) {
		return waiter{}, false
	}
	return w.expireNext()
}

// expireNext is expire without a look at the time.
func (w *waiters) expireNext() (waiter, bool) {
	if w.expired == w.n {
		return waiter{}, false
	}
	p := &w.ring[(w.head+w.expired)&(len(w.ring)-1)]
	w.expired++
	waits := p.waiter
	p.waiter = waiter{}
	return waits, true
}

// turnstile gives the protocol state one owner at a time. Whoever brings work
// while nobody owns it takes the turns himself, on his own goroutine; who comes
// while it is owned leaves his work in the inbox. So a quiet node answers
// without handing over to another goroutine, and a busy one gathers batches.
type turnstile struct {
	mu      sync.Mutex // guards all below
	room    sync.Cond  // admission has room again, or stopped
	in      *inbox
	spare   *inbox // the one that the owner does not work on
	owned   bool
	stopped bool
	// gathering is how many loops are in a round, which bring work and take the turn
	// at its end.
	gathering int
	admitted  int // bytes of commands taken and not delivered
	limit     int
	serves    func() bool // nobody waits for room without: asked with mu held
}

func (t *turnstile) init(limit int, serves func() bool) {
	t.limit, t.serves = limit, serves
	t.in, t.spare = new(inbox), new(inbox)
	t.room.L = &t.mu
}

// admitLocked waits until commands may be taken. It tells whether they may: not
// after the stop, nor, if there is no room, without a lease.
func (t *turnstile) admitLocked() bool {
	for t.admitted > t.limit && !t.stopped && t.serves() {
		t.room.Wait()
	}
	return t.admitted <= t.limit && !t.stopped
}

// awaitAdmission is admitLocked.
func (t *turnstile) awaitAdmission() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.admitLocked()
}

// admitWithinLocked is admitLocked, and gives up at the end of ctx, and of within
// if that is not nil.
func (t *turnstile) admitWithinLocked(ctx, within context.Context) bool {
	if t.admitted <= t.limit || t.stopped {
		return !t.stopped
	}
	wake := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.room.Broadcast()
	}
	if within == nil {
		within = context.Background()
	}
	defer context.AfterFunc(ctx, wake)()
	defer context.AfterFunc(within, wake)()
	over := func() bool { return ctx.Err() != nil || within.Err() != nil }
	for t.admitted > t.limit && !t.stopped && t.serves() && !over() {
		t.room.Wait()
	}
	return t.admitted <= t.limit && !t.stopped && !over()
}

// enterLocked makes the caller the owner if there is none. It unlocks.
func (t *turnstile) enterLocked() bool {
	own := !t.owned && !t.stopped && t.gathering == 0
	if own {
		t.owned = true
	}
	t.mu.Unlock()
	return own
}

// next hands the owner the work that has come, nil when there is none: then it
// is the owner no more. done is what it has worked on before, released the bytes
// of the commands that are not under way any more.
func (t *turnstile) next(done *inbox, released int) *inbox {
	if done != nil {
		done.reset()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if done != nil {
		t.spare = done
	}
	if released > 0 {
		full := t.admitted > t.limit
		t.admitted -= released
		if full && t.admitted <= t.limit {
			t.room.Broadcast()
		}
	}
	if t.in.empty() {
		t.owned = false
		return nil
	}
	work := t.in
	t.in = t.spare
	return work
}

// keep takes back what the owner has worked on, who goes on as another goroutine.
func (t *turnstile) keep(done *inbox) {
	done.reset()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spare = done
}
