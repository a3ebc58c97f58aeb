package session_test

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// What becomes of an operation by each status, and whether it may have been
// executed.
func TestReply(t *testing.T) {
	for _, tc := range []struct {
		statuses []wire.Status
		want     session.Verdict
		sent     bool
	}{
		{
			[]wire.Status{wire.StatusOK, wire.StatusNotFound, wire.StatusConflict, wire.StatusNotInteger, wire.StatusOverflow},
			session.Answered, false,
		},
		{[]wire.Status{wire.StatusTooLarge, wire.StatusBadRequest, wire.StatusTooManySessions, wire.StatusUnsupported, wire.StatusNotOwner}, session.Declined, false},
		{[]wire.Status{wire.StatusSessionExpired}, session.Expired, false},
		{[]wire.Status{wire.StatusStaleSequence}, session.Superseded, false},
		{[]wire.Status{wire.StatusTooManyResults}, session.Crowded, false},
		{[]wire.Status{wire.StatusUnavailable}, session.Refused, false},
		{[]wire.Status{wire.StatusGeneration}, session.Estranged, false},
		{[]wire.Status{wire.StatusTimeout}, session.TimedOut, true},
		{[]wire.Status{wire.StatusInterrupted}, session.Interrupted, true},
		{[]wire.Status{wire.StatusVersion, wire.StatusLagged, 99}, session.Incomprehensible, true},
	} {
		for _, status := range tc.statuses {
			for _, kind := range []session.Kind{session.Get, session.Write, session.Open, session.Upkeep, session.Ping} {
				op := session.Operation{Kind: kind}
				op.Attempt(10)
				want := tc.want
				if status == wire.StatusSessionExpired && kind != session.Write {
					want = session.Declined
				}
				if got := op.Reply(&wire.Reply{Status: status, Position: 10}); got != want {
					t.Errorf("status %d, kind %d: verdict %d, want %d", status, kind, got, want)
				}
				if got := op.Unknown(); got != (tc.sent && kind == session.Write) {
					t.Errorf("status %d, kind %d: unknown %v", status, kind, got)
				}
			}
		}
	}
}

// An operation either ends, or is tried again here or elsewhere.
func TestVerdicts(t *testing.T) {
	for v, want := range map[session.Verdict][2]bool{
		session.Answered: {true, false}, session.Declined: {true, false}, session.Expired: {true, false},
		session.Superseded: {true, false}, session.Crowded: {false, false}, session.Refused: {false, true},
		session.Estranged: {false, true}, session.TimedOut: {false, true}, session.Interrupted: {false, true},
		session.Behind: {false, true}, session.Incomprehensible: {false, true}, session.Unanswered: {false, true},
	} {
		if got := [2]bool{v.Final(), v.Elsewhere()}; got != want {
			t.Errorf("verdict %d: %v, want %v", v, got, want)
		}
	}
}

// A read is not answered from before what was asked for; a write, which the
// group orders, may have been executed long ago.
func TestBehind(t *testing.T) {
	for kind, want := range map[session.Kind]session.Verdict{session.Get: session.Behind, session.Write: session.Answered} {
		op := session.Operation{Kind: kind}
		if position := op.Attempt(10); position != 10 || op.Asked() != 10 {
			t.Errorf("asks for %d, %d", position, op.Asked())
		}
		if got := op.Reply(&wire.Reply{Position: 9}); got != want {
			t.Errorf("kind %d: verdict %d, want %d", kind, got, want)
		}
	}
}

// What was not sent was not executed; what was sent once may have been, whatever
// comes after.
func TestNoReply(t *testing.T) {
	op := session.Operation{Kind: session.Write}
	for i, sent := range []bool{false, false, true, false} {
		op.Attempt(0)
		if v := op.NoReply(!sent); v != session.Unanswered {
			t.Errorf("verdict %d", v)
		}
		if got, want := op.Unknown(), i >= 2; got != want {
			t.Errorf("after attempt %d: unknown %v", i+1, got)
		}
	}
	op.Reply(&wire.Reply{Status: wire.StatusUnavailable})
	if !op.Unknown() {
		t.Error("a refusal says nothing about the attempts before it")
	}
}

func TestRaise(t *testing.T) {
	for _, tc := range [][3]uint64{{0, 0, 0}, {0, 5, 5}, {5, 3, 5}, {5, 5, 5}} {
		if got := session.Raise(tc[0], tc[1]); got != tc[2] {
			t.Errorf("%d raised to %d: %d", tc[0], tc[1], got)
		}
	}
}

// The second attempt is made at once, those after it later and later.
func TestPause(t *testing.T) {
	var op session.Operation
	for _, want := range []time.Duration{0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
		if got := op.Pause(0.5); got != want*time.Millisecond {
			t.Errorf("after %d attempts: %v, want %d ms", op.Attempts(), got, want)
		}
		op.Attempt(0)
	}
}

func TestBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{-1: 5, 0: 5, 1: 5, 2: 10, 8: 640, 9: 1000, 100: 1000, 1 << 40: 1000} {
		want *= time.Millisecond
		if got := session.Backoff(n, 0); got != want/2 {
			t.Errorf("after %d failures: at least %v, want %v", n, got, want/2)
		}
		if got := session.Backoff(n, 1-1e-9); got > want*3/2 || got < want*3/2-time.Microsecond {
			t.Errorf("after %d failures: at most %v, want %v", n, got, want*3/2)
		}
	}
}

// What has seen or written something does not go on in another generation, nor does what
// is for the session that is gone.
func TestMoves(t *testing.T) {
	for kind := session.Get; kind <= session.Ping; kind++ {
		op := session.Operation{Kind: kind}
		if op.Moves(false) || op.Moves(true) != (kind != session.Upkeep) {
			t.Errorf("an operation of kind %d moves: %t with a blank session, %t without", kind, op.Moves(true), op.Moves(false))
		}
	}
}
