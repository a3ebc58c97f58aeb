package session_test

import (
	"slices"
	"testing"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// ringLength is how many writes the first ring of a pipeline has room for. Ordinals that
// differ by so many share a place in it.
const ringLength = 64

// pipeline is one whose writes are kept as the numbers by which they are issued, and
// whose operations are kept, also of those that have ended.
type pipeline struct {
	session.Pipeline[int]
	t   *testing.T
	ops []*session.Operation
}

// issued returns a pipeline with a number of writes.
func issued(t *testing.T, n int) *pipeline {
	t.Helper()
	p := &pipeline{t: t}
	p.issue(n)
	return p
}

func (p *pipeline) issue(n int) {
	p.t.Helper()
	for range n {
		op := &session.Operation{Kind: session.Write}
		if ordinal := p.Issue(op, len(p.ops)); ordinal != uint64(len(p.ops)) {
			p.t.Errorf("write %d has the ordinal %d", len(p.ops), ordinal)
		}
		p.ops = append(p.ops, op)
	}
}

// send sends all that is left in this run, which must be the writes from one to another.
func (p *pipeline) send(from, to int) {
	p.t.Helper()
	for want := from; want <= to; want++ {
		if !p.Unsent() {
			p.t.Fatalf("nothing is left to send, want write %d", want)
		}
		ordinal, op, write, ok := p.Next()
		if !ok || ordinal != uint64(want) || op != p.ops[want] || write != want {
			p.t.Fatalf("write %d with the ordinal %d is next, %v, want %d", write, ordinal, ok, want)
		}
	}
	if _, _, write, ok := p.Next(); ok || p.Unsent() {
		p.t.Errorf("after write %d another one is sent: %d, %v", to, write, ok)
	}
}

// attempts fails the test unless a write was sent so often.
func (p *pipeline) attempts(write, want int) {
	p.t.Helper()
	if got := p.ops[write].Attempts(); got != want {
		p.t.Errorf("write %d: %d attempts, want %d", write, got, want)
	}
}

// unknown fails the test unless a write that ends now has an unknown outcome, or not.
func (p *pipeline) unknown(write int, want bool) {
	p.t.Helper()
	if got := p.ops[write].Unknown(); got != want {
		p.t.Errorf("the outcome of write %d is unknown: %v, want %v", write, got, want)
	}
}

func TestPipelineKnowsWhatIsOpen(t *testing.T) {
	p := issued(t, 0)
	open := func(want ...int) {
		t.Helper()
		got := p.AppendOpen([]int{-1})
		if !slices.Equal(got, append([]int{-1}, want...)) || p.Open() != len(want) {
			t.Errorf("open: %v, %d, want %v", got, p.Open(), want)
		}
		awaited, some := p.Awaited()
		if some != (len(want) > 0) || some && awaited != want[len(want)-1] {
			t.Errorf("a read awaits %d, %v, want the latest of %v", awaited, some, want)
		}
	}
	open()
	p.issue(4)
	open(0, 1, 2, 3)
	p.End(3)
	open(0, 1, 2)
	p.End(1)
	open(0, 2)
	p.End(0)
	open(2)
	p.End(2)
	open()
}

func TestPipelineSendsInOrder(t *testing.T) {
	p := issued(t, 0)
	p.send(0, -1)
	p.issue(3)
	p.send(0, 2)
	p.attempts(0, 1)
	p.Unsend(p.Run(), 1)
	p.attempts(0, 1)
	p.attempts(1, 0)
	p.attempts(2, 0)
	p.send(1, 2)
	p.attempts(2, 1)
	if !p.Again(0) || p.Run() != 1 {
		t.Errorf("run %d, want the second", p.Run())
	}
	p.send(0, 2)
	p.attempts(2, 2)

	// What comes late of an earlier run changes nothing.
	if p.Again(0) || p.Run() != 1 {
		t.Errorf("the first run ended twice, and now it is %d", p.Run())
	}
	p.Unsend(0, 0)
	p.attempts(0, 2)
	p.send(3, 2)
}

// TestPipelineRing has writes take the places of others that have ended.
func TestPipelineRing(t *testing.T) {
	p := issued(t, ringLength)
	if _, _, ok := p.Find(ringLength); ok {
		t.Error("a write was found before it was issued")
	}
	p.send(0, ringLength-1)
	p.Unsend(p.Run(), ringLength-1)
	p.attempts(0, 1) // which a write after the last one would share its place with
	p.attempts(ringLength-1, 0)
	p.send(ringLength-1, ringLength-1)

	p.End(0)
	p.issue(1)
	p.send(ringLength, ringLength)
	if _, _, ok := p.Find(0); ok {
		t.Error("a write was found after it had ended")
	}
	p.NoReply(p.Run(), 0, false)
	p.unknown(ringLength, false) // which has its place now
	p.Unsend(p.Run(), 0)
	p.attempts(1, 0)
	p.attempts(ringLength, 0)
	p.send(1, ringLength)
}

// TestPipelineSkipsWhatHasEnded ends a write that this run has not sent yet.
func TestPipelineSkipsWhatHasEnded(t *testing.T) {
	p := issued(t, ringLength)
	p.send(0, ringLength-1)
	p.Again(p.Run())
	p.End(0)
	p.issue(1)
	p.send(1, ringLength)
}

// TestPipelineOutcomes holds when the outcome of a write becomes unknown.
func TestPipelineOutcomes(t *testing.T) {
	reply := func(status wire.Status) *wire.Reply { return &wire.Reply{Status: status} }
	for name, tc := range map[string]struct {
		happens func(p *pipeline)
		unknown bool
	}{
		"the run goes on":               {func(*pipeline) {}, false},
		"the run ends":                  {func(p *pipeline) { p.Again(0) }, true},
		"it was not sent":               {func(p *pipeline) { p.NoReply(0, 0, true) }, false},
		"it was not sent, the run ends": {func(p *pipeline) { p.NoReply(0, 0, true); p.Again(0) }, false},
		"there is no reply":             {func(p *pipeline) { p.NoReply(0, 0, false) }, true},
		"it is refused, the run ends":   {func(p *pipeline) { p.Reply(0, 0, reply(wire.StatusUnavailable)); p.Again(0) }, false},
		"it is interrupted":             {func(p *pipeline) { p.Reply(0, 0, reply(wire.StatusInterrupted)) }, true},
		"it is taken back and given up": {func(p *pipeline) {
			p.Unsend(0, 0)
			p.GiveUp()
		}, false},
		"it is given up": {func(p *pipeline) { p.GiveUp() }, true},
		"it was not sent and is given up": {func(p *pipeline) {
			p.NoReply(0, 0, true)
			p.GiveUp()
		}, false},
		"a run ends in which it was not sent, and then another run does": {func(p *pipeline) {
			p.NoReply(0, 0, true)
			p.Again(0)
			p.send(0, 1)
			p.NoReply(0, 0, false)
			p.Reply(0, 0, reply(wire.StatusInterrupted))
			p.NoReply(1, 0, true)
			p.Again(1)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := issued(t, 2)
			p.send(0, 1)
			tc.happens(p)
			p.unknown(0, tc.unknown)
		})
	}
}

func TestPipelineIgnoresWhatHasEnded(t *testing.T) {
	p := issued(t, 2)
	p.send(0, 1)
	p.End(1)
	p.NoReply(0, 1, false)
	p.unknown(1, false)
	if op, _, v := p.Reply(0, 1, &wire.Reply{Status: wire.StatusInterrupted}); op != nil || v != session.Unanswered {
		t.Errorf("a reply to a write that has ended: %v", v)
	}
}

// TestPipelinePause has runs pause once two in a row had no answer.
func TestPipelinePause(t *testing.T) {
	p := issued(t, 2)
	again := func(want bool) {
		t.Helper()
		p.Again(p.Run())
		if pause := p.Pause(0.5); (pause > 0) != want {
			t.Errorf("before run %d: a pause of %v", p.Run(), pause)
		}
	}
	p.send(0, 1)
	again(false)
	again(true)
	if p.Pause(0.5) != session.Backoff(1, 0.5) {
		t.Errorf("the first pause is %v", p.Pause(0.5))
	}
	p.send(0, 1)
	p.Reply(p.Run(), 0, &wire.Reply{Status: wire.StatusUnavailable})
	again(true)
	p.send(0, 1)
	p.Reply(p.Run(), 0, &wire.Reply{Status: wire.StatusOK})
	again(false)
	again(true)
}
