package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Whatever happens on the way, the writes of a client that does not wait for them
// take effect in its order, each once at most, and it is told nothing else.
func TestPipelineLife(t *testing.T) {
	for seed := range uint64(3000) {
		if err := pipelineLife(rand.New(rand.NewPCG(seed, 1)).IntN, 300); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
		if err := pipelineLife(choose, rapid.IntRange(0, 300).Draw(t, "steps")); err != nil {
			t.Fatal(err)
		}
	})
}

// writer is a client that writes asynchronously, and now and then waits.
type writer struct {
	group    *group
	choose   func(n int) int
	seen     uint64
	session  session.Session
	pipeline session.Pipeline[*asyncWrite]

	requests []flight // on their way to the node, in order
	replies  []flight // on their way back
	late     []wire.Command
	issued   []*asyncWrite
	reads    []pendingRead
}

// pendingRead waits for a write, after which it has to see what was issued before.
type pendingRead struct {
	awaited *asyncWrite
	before  int
}

// asyncWrite is one write of a writer. Its number is its Delta.
type asyncWrite struct {
	op       session.Operation
	command  wire.Command
	sync     bool // not through the pipeline
	ended    bool
	answered bool
	unknown  bool
	position uint64
}

// flight is a request or a reply that was sent in a run.
type flight struct {
	run, ordinal uint64
	command      wire.Command
	reply        wire.Reply
}

func pipelineLife(choose func(n int) int, steps int) error {
	w := &writer{group: newGroup(), choose: choose}
	for range steps {
		if err := w.step(); err != nil {
			return err
		}
		if err := w.wake(); err != nil {
			return err
		}
	}
	for range 1000 { // all is well from here on
		if w.pipeline.Open() == 0 {
			return w.check()
		}
		w.pump(64)
		for len(w.requests) > 0 {
			w.deliver(wire.StatusOK)
		}
		for len(w.replies) > 0 {
			if err := w.replied(); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%d writes do not come to an end", w.pipeline.Open())
}

func (w *writer) step() error {
	switch w.choose(16) {
	case 0, 1, 2, 3:
		w.issue()
	case 4, 5, 6:
		w.pump(1 + w.choose(4))
	case 7:
		w.breakConnection()
	case 8:
		if len(w.late) > 0 {
			i := w.choose(len(w.late))
			w.group.apply(w.late[i])
			w.late = slices.Delete(w.late, i, i+1)
		}
	case 9:
		if w.choose(4) == 0 && w.pipeline.Open() > 0 {
			op, write := w.pipeline.GiveUp()
			w.end(write, op.Unknown())
		}
	case 10:
		switch w.choose(12) {
		case 0:
			clear(w.group.sessions)
		case 1:
			w.deliver(wire.StatusUnavailable)
		case 2:
			w.deliver(wire.StatusInterrupted)
		case 3:
			return w.read()
		}
	case 11, 12, 13:
		w.deliver(wire.StatusOK)
	default:
		if len(w.replies) > 0 {
			return w.replied()
		}
	}
	return nil
}

// issue issues a write. Its number is how many there were before it, and 1.
func (w *writer) issue() {
	write := &asyncWrite{op: session.Operation{Kind: session.Write}}
	write.command = wire.Command{Op: wire.OpAdd, Delta: int64(len(w.issued) + 1)}
	begin := w.session.BeginAsync
	if w.pipeline.Open() == 0 && w.choose(3) == 0 {
		write.sync, begin = true, w.session.Begin
	}
	switch begin(&write.op) {
	case session.Unopened:
		w.session.Opened(w.group.apply(wire.Command{Op: wire.OpOpenSession}).Position)
		return
	case session.Lost:
		return
	}
	w.issued = append(w.issued, write)
	if !write.sync {
		w.pipeline.Issue(&write.op, write)
		return
	}
	// It is asked for once, and given up if that does not do.
	write.op.Attempt(w.seen)
	w.session.Number(&write.op, &write.command)
	switch w.choose(3) {
	case 0:
		w.late = append(w.late, write.command)
		write.op.NoReply(false)
		w.end(write, true)
	default:
		reply := w.group.apply(write.command)
		w.conclude(write, write.op.Reply(&reply), &reply)
	}
}

// pump sends up to n writes.
func (w *writer) pump(n int) {
	for range n {
		ordinal, op, write, ok := w.pipeline.Next()
		if !ok {
			return
		}
		if w.choose(10) == 0 {
			w.pipeline.Unsend(w.pipeline.Run(), ordinal)
			return
		}
		w.session.Number(op, &write.command)
		w.requests = append(w.requests, flight{run: w.pipeline.Run(), ordinal: ordinal, command: write.command})
	}
}

// deliver has the first request arrive. The node answers with another status than
// OK if it does not serve, or loses its place after having the command ordered.
func (w *writer) deliver(status wire.Status) {
	if len(w.requests) == 0 {
		return
	}
	f := w.requests[0]
	w.requests = w.requests[1:]
	f.reply = wire.Reply{Status: status}
	if status != wire.StatusUnavailable {
		f.reply = w.group.apply(f.command)
	}
	if status == wire.StatusInterrupted {
		f.reply = wire.Reply{Status: status}
	}
	w.replies = append(w.replies, f)
}

// breakConnection loses all that is on its way. Requests may come late.
func (w *writer) breakConnection() {
	run := w.pipeline.Run()
	for _, f := range w.requests {
		unsent := w.choose(3) == 0
		if !unsent && len(w.late) < 20 {
			w.late = append(w.late, f.command)
		}
		w.pipeline.NoReply(f.run, f.ordinal, unsent)
	}
	for _, f := range w.replies {
		w.pipeline.NoReply(f.run, f.ordinal, false)
	}
	w.requests, w.replies = nil, nil
	w.pipeline.Again(run)
}

// replied takes the first reply.
func (w *writer) replied() error {
	f := w.replies[0]
	w.replies = w.replies[1:]
	op, write, v := w.pipeline.Reply(f.run, f.ordinal, &f.reply)
	switch {
	case op == nil:
	case !v.Final():
		if w.pipeline.Again(f.run) && w.pipeline.Pause(0.5) < 0 {
			return fmt.Errorf("a pause below zero")
		}
	case v == session.Superseded:
		return fmt.Errorf("write %d was superseded", write.command.Delta)
	default:
		w.pipeline.End(f.ordinal)
		w.conclude(write, v, &f.reply)
	}
	return nil
}

// conclude ends a write that has its answer.
func (w *writer) conclude(write *asyncWrite, v session.Verdict, reply *wire.Reply) {
	if v == session.Answered {
		write.answered, write.position = true, reply.Position
		w.seen = session.Raise(w.seen, reply.Position)
	}
	w.end(write, write.op.Unknown())
}

func (w *writer) end(write *asyncWrite, unknown bool) {
	write.ended, write.unknown = true, unknown && !write.answered
	w.session.End(&write.op)
}

// read holds that a read which waits for what it has to sees all writes before it.
func (w *writer) read() error {
	if awaited, ok := w.pipeline.Awaited(); ok {
		w.reads = append(w.reads, pendingRead{awaited, len(w.issued)})
		return nil
	}
	return w.sees(w.issued, true)
}

// wake goes on with the reads whose write has ended.
func (w *writer) wake() error {
	for i := 0; i < len(w.reads); {
		r := w.reads[i]
		if !r.awaited.ended {
			i++
			continue
		}
		if err := w.sees(w.issued[:r.before], r.awaited.answered); err != nil {
			return err
		}
		w.reads = slices.Delete(w.reads, i, i+1)
	}
	return nil
}

// sees holds that the session has seen each of its writes that was executed, unless
// it is told that it does not know: with all, also of those that have no answer.
func (w *writer) sees(writes []*asyncWrite, all bool) error {
	for _, write := range writes {
		at, executed := w.group.order[write.command.Delta]
		if executed && at > w.seen && !write.unknown && (all || write.ended) {
			return fmt.Errorf("a read would not see write %d, executed at %d: it asks for %d", write.command.Delta, at, w.seen)
		}
	}
	return nil
}

// check compares what became of the writes with what was told of them.
func (w *writer) check() error {
	for _, late := range w.late {
		w.group.apply(late)
	}
	last := uint64(0)
	for _, write := range w.issued {
		n := write.command.Delta
		times, at := w.group.executed[n], w.group.order[n]
		switch {
		case times > 1:
			return fmt.Errorf("write %d was executed %d times", n, times)
		case !write.ended:
			return fmt.Errorf("write %d has not ended", n)
		case write.answered && times != 1:
			return fmt.Errorf("write %d was acknowledged and not executed", n)
		case write.answered && write.position != at:
			return fmt.Errorf("write %d was executed at %d, told %d", n, at, write.position)
		case !write.answered && !write.unknown && times != 0:
			return fmt.Errorf("write %d was executed, and told that it was not", n)
		case times == 1 && at < last:
			return fmt.Errorf("out of order: write %d was executed at %d, one issued before it at %d", n, at, last)
		}
		last = max(last, at)
	}
	return w.sees(w.issued, true)
}
