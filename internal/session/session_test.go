package session_test

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Whatever happens to a client's attempts: a write takes effect once at most;
// its caller is told that it did, or that it did not, only if that is so; reads
// never go back; and an expiry is told, once.
func TestLife(t *testing.T) {
	// Many long lives, for what is rare; and some that shrink to the point.
	for seed := range uint64(2000) {
		if err := life(rand.New(rand.NewPCG(seed, 0)).IntN, 300); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
		if err := life(choose, rapid.IntRange(0, 300).Draw(t, "steps")); err != nil {
			t.Fatal(err)
		}
	})
}

func open(t *testing.T, id uint64) *session.Session {
	t.Helper()
	s := new(session.Session)
	if _, r := s.Use(); r != session.Unopened || !s.Blank() {
		t.Errorf("a new session: %v", r)
	}
	s.Opened(id)
	if got, r := s.Use(); got != id || r != session.Ready || s.Blank() {
		t.Errorf("an open session: %d, %v", got, r)
	}
	return s
}

func begin(t *testing.T, s *session.Session, want session.Readiness) *session.Operation {
	t.Helper()
	op := &session.Operation{Kind: session.Write}
	if r := s.Begin(op); r != want {
		t.Errorf("begin: %v, want %v", r, want)
	}
	return op
}

func number(s *session.Session, op *session.Operation) wire.Command {
	var c wire.Command
	op.Attempt(0)
	s.Number(op, &c)
	return c
}

// The number stays, the floor follows the writes that end.
func TestNumber(t *testing.T) {
	s := open(t, 7)
	one, two := begin(t, s, session.Ready), begin(t, s, session.Ready)
	if c := number(s, two); c.Session != 7 || c.Seq != 2 || c.Floor != 1 {
		t.Errorf("%+v", c)
	}
	end(s, one, true)
	if c := number(s, two); c.Session != 7 || c.Seq != 2 || c.Floor != 2 {
		t.Errorf("again: %+v", c)
	}
}

// A write of a session that is gone keeps its number and its floor, and ends
// without an effect on the session that came after.
func TestWriteOutlivesItsSession(t *testing.T) {
	s := open(t, 7)
	old := begin(t, s, session.Ready)
	want := number(s, old)
	unnumbered := begin(t, s, session.Ready)
	if id := closed(s); id != 7 {
		t.Errorf("closed %d", id)
	}
	if id := closed(s); id != 0 {
		t.Errorf("closed %d again", id)
	}
	begin(t, s, session.Unopened)
	s.Opened(9)
	if c := number(s, begin(t, s, session.Ready)); c.Session != 9 || c.Seq != 1 || c.Floor != 1 {
		t.Errorf("the first in the new session: %+v", c)
	}
	if c := number(s, old); c.Session != want.Session || c.Seq != want.Seq || c.Floor != want.Floor {
		t.Errorf("the old one: %+v, was %+v", c, want)
	}
	if c := number(s, unnumbered); c.Session != 7 || c.Seq != 2 || c.Floor != 1 {
		t.Errorf("one that was not sent before: %+v", c)
	}
	end(s, old, true)
	if id := due(s); id != 9 {
		t.Errorf("due: %d", id)
	}
	if c := number(s, begin(t, s, session.Ready)); c.Seq != 2 || c.Floor != 1 {
		t.Errorf("the second in the new session: %+v", c)
	}
}

// What a session has left to be told does not outlive it, nor what it has answered.
func TestSessionBeginsAnew(t *testing.T) {
	s := open(t, 7)
	end(s, begin(t, s, session.Ready), true)
	expire(s, renewal(s))
	if id := closed(s); id != 0 || !s.Blank() {
		t.Errorf("closed %d, blank %v", id, s.Blank())
	}
	begin(t, s, session.Unopened)
	s.Opened(9)
	if id := due(s); id != 9 {
		t.Errorf("due: %d, before anything was answered", id)
	}
}

// A write names the latest asynchronous one before it until that is answered.
func TestPredecessor(t *testing.T) {
	s := open(t, 7)
	one, two := &session.Operation{Kind: session.Write}, &session.Operation{Kind: session.Write}
	s.BeginAsync(one)
	s.BeginAsync(two)
	if c := number(s, two); c.Prev != 1 {
		t.Errorf("the second: %+v", c)
	}
	end(s, one, true)
	if c := number(s, begin(t, s, session.Ready)); c.Prev != 2 {
		t.Errorf("the third, after the first was answered: %+v", c)
	}
	end(s, two, false)
	if c := number(s, begin(t, s, session.Ready)); c.Prev != 2 {
		t.Errorf("the fourth, with the second in doubt: %+v", c)
	}
	three := &session.Operation{Kind: session.Write}
	s.BeginAsync(three)
	end(s, three, true)
	if c := number(s, begin(t, s, session.Ready)); c.Prev != 0 {
		t.Errorf("one more, after all were answered: %+v", c)
	}
}

// A write that was declined was not ordered: the group has heard nothing of the session,
// and what was issued before it need not have been executed.
func TestDeclinedWriteShowsNothing(t *testing.T) {
	s := open(t, 7)
	op := &session.Operation{Kind: session.Write}
	s.BeginAsync(op)
	if v := op.Reply(&wire.Reply{Status: wire.StatusTooLarge}); v != session.Declined {
		t.Errorf("verdict %d", v)
	}
	s.End(op)
	if id := due(s); id != 7 {
		t.Errorf("due: %d", id)
	}
	if c := number(s, begin(t, s, session.Ready)); c.Prev != 1 || c.Floor != 2 {
		t.Errorf("the next: %+v", c)
	}
}

// Each write in flight that meets the expiry is told. No later one is.
func TestExpiryMetInFlight(t *testing.T) {
	s := open(t, 7)
	one, two := begin(t, s, session.Ready), begin(t, s, session.Ready)
	expire(s, one)
	begin(t, s, session.Unopened)
	s.Opened(9)
	expire(s, two)
	begin(t, s, session.Ready)
}

// The expiry that a renewal finds is told to the next write, once.
func TestExpiryFoundByRenewal(t *testing.T) {
	s := open(t, 5)
	old := renewal(s)
	closed(s)
	s.Opened(7)
	expire(s, old)
	begin(t, s, session.Ready)
	one, two := renewal(s), renewal(s)
	s.End(one) // without a reply
	begin(t, s, session.Ready)
	expire(s, two)
	if due(s) != 0 || s.Blank() {
		t.Error("it is open, or nothing is left to be told")
	}
	begin(t, s, session.Lost)
	begin(t, s, session.Unopened)
}

// If a write in flight has been told before, the next one is not.
func TestExpiryFoundByRenewalAndMet(t *testing.T) {
	s := open(t, 7)
	op := begin(t, s, session.Ready)
	expire(s, renewal(s))
	expire(s, op)
	begin(t, s, session.Unopened)
}

// If it was answered after all, it is.
func TestExpiryFoundByRenewalAndNotMet(t *testing.T) {
	s := open(t, 7)
	op := begin(t, s, session.Ready)
	expire(s, renewal(s))
	end(s, op, true)
	begin(t, s, session.Lost)
	begin(t, s, session.Unopened)
}

// A session is due unless a write was answered since it was looked at last.
func TestDue(t *testing.T) {
	s := open(t, 7)
	for _, want := range []uint64{7, 7} {
		if id := due(s); id != want {
			t.Errorf("due: %d, want %d", id, want)
		}
	}
	end(s, begin(t, s, session.Ready), false)
	if id := due(s); id != 7 {
		t.Errorf("after a write without an answer: %d", id)
	}
	end(s, begin(t, s, session.Ready), true)
	for _, want := range []uint64{0, 7} {
		if id := due(s); id != want {
			t.Errorf("after a write: %d, want %d", id, want)
		}
	}
}

// end ends a write, after an answer or without one.
func end(s *session.Session, op *session.Operation, answered bool) {
	if answered {
		op.Reply(&wire.Reply{Status: wire.StatusConflict})
	}
	s.End(op)
}

// expire ends an operation to which the group has answered that the session has expired.
func expire(s *session.Session, op *session.Operation) {
	op.Reply(&wire.Reply{Status: wire.StatusSessionExpired})
	s.End(op)
}

// renewal is a renewal of the session.
func renewal(s *session.Session) *session.Operation {
	op := new(session.Operation)
	if _, ok := s.Renew(op); !ok {
		s.Renew(op) // it was not due the first time
	}
	return op
}

// due returns the session that a renewal is for, 0 if none is due.
func due(s *session.Session) uint64 { return upkeep(s.Renew, wire.OpRenewSession) }

// closed closes the session and returns its id, 0 if it was not open.
func closed(s *session.Session) uint64 { return upkeep(s.Close, wire.OpCloseSession) }

// upkeep returns the session that an operation is for, 0 if there is none to be made.
func upkeep(what func(*session.Operation) (wire.Command, bool), want wire.Op) uint64 {
	var op session.Operation
	command, ok := what(&op)
	if id, _ := op.Numbered(); op.Kind != session.Upkeep || command.Op != want || command.Session != id {
		panic("the command is not that of the operation")
	}
	if !ok {
		return 0
	}
	return command.Session
}

// A session with a TTL of its own is renewed by its id, also right after a write.
func TestRenewAs(t *testing.T) {
	s := open(t, 7)
	end(s, begin(t, s, session.Ready), true)
	var op session.Operation
	if c, ok := s.RenewAs(&op, 7); !ok || c.Op != wire.OpRenewSession || c.Session != 7 || op.Kind != session.Upkeep || s.ID() != 7 {
		t.Errorf("%+v, %v, %+v", c, ok, op)
	}
	if _, ok := s.RenewAs(&op, 8); ok {
		t.Error("another session is renewed")
	}
}

// A session that lapses is lost for the next write, once; another one is not touched.
func TestLapse(t *testing.T) {
	s := open(t, 7)
	s.Lapse(8)
	s.Lapse(0)
	begin(t, s, session.Ready)
	s.Lapse(7)
	if s.ID() != 0 || s.Blank() {
		t.Errorf("session %d, blank: %v", s.ID(), s.Blank())
	}
	s.Lapse(7)
	begin(t, s, session.Lost)
	begin(t, s, session.Unopened)
	s.Lapse(0)
	begin(t, s, session.Unopened)
}
