package store

import (
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

func set(session, seq, floor uint64, key, value string) wire.Command {
	return wire.Command{Op: wire.OpSet, Session: session, Seq: seq, Floor: floor, Key: key, Value: []byte(value)}
}

func tick(millis int64) wire.Command { return wire.Command{Op: wire.OpTick, Delta: millis} }

func TestRepeatedWriteIsAnsweredFromItsResult(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	add := wire.Command{Op: wire.OpAdd, Session: s, Seq: 1, Floor: 1, Key: "n", Delta: 5}
	first := f.want(wire.StatusOK, add)
	f.want(wire.StatusOK, set(s, 2, 1, "other", "x"))
	again, effect := f.apply(add)
	if again != first || effect || first.Number != 5 {
		t.Errorf("the repeat: %+v, took effect: %v; the first: %+v", again, effect, first)
	}
	if value, version, _ := f.s.Get("n"); string(value) != "5" || version != first.Position {
		t.Errorf("n is %q of version %d, want 5 of %d", value, version, first.Position)
	}
	// Another command under the same number is the same write too.
	if r, _ := f.apply(set(s, 1, 1, "n", "changed")); r != first {
		t.Errorf("another command under the number: %+v, want %+v", r, first)
	}
}

func TestFailuresAreRecorded(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	cas := wire.Command{Op: wire.OpCompareAndSet, Session: s, Seq: 1, Key: "k", Expect: 7, Value: []byte("v")}
	first := f.want(wire.StatusConflict, cas)
	version := f.want(wire.StatusOK, set(s, 2, 1, "k", "x")).Position
	if r, effect := f.apply(cas); r != first || effect {
		t.Errorf("the repeat: %+v, took effect: %v; want %+v", r, effect, first)
	}
	cas.Seq = 3
	if r := f.want(wire.StatusConflict, cas); r.Version != version {
		t.Errorf("the present version is told as %d, want %d", r.Version, version)
	}
	cas.Seq, cas.Expect = 4, version
	f.want(wire.StatusOK, cas)
	cas.Seq, cas.Expect, cas.Key = 5, 0, "new"
	f.want(wire.StatusOK, cas)
}

func TestSequenceBelowTheFloorIsNotExecuted(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	f.want(wire.StatusOK, set(s, 9, 9, "k", "nine"))
	f.want(wire.StatusStaleSequence, set(s, 8, 1, "k", "eight"))
	f.want(wire.StatusStaleSequence, set(s, 8, 8, "k", "eight")) // the floor does not go back
	if r, effect := f.apply(set(s, 9, 1, "k", "again")); r.Status != wire.StatusOK || effect {
		t.Errorf("the one at the floor: %+v, took effect: %v", r, effect)
	}
	if value, _, _ := f.s.Get("k"); string(value) != "nine" {
		t.Errorf("k is %q", value)
	}
}

func TestSequencesOutOfOrder(t *testing.T) {
	f := newFeeder(t, Limits{MaxSessionResults: 100})
	s := f.open()
	for _, seq := range []uint64{100, 3, 50, 1, 99} {
		f.want(wire.StatusOK, set(s, seq, 1, "k", "v"))
	}
	f.want(wire.StatusTooManyResults, set(s, 101, 1, "k", "v"))
	f.want(wire.StatusOK, set(s, 101, 2, "k", "v"))
}

func TestWritesWithoutASession(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	f.want(wire.StatusBadRequest, set(0, 1, 1, "k", "v"))
	f.want(wire.StatusBadRequest, set(s, 0, 0, "k", "v"))
	f.want(wire.StatusBadRequest, set(s, 1, 2, "k", "v"))
	f.want(wire.StatusSessionExpired, set(s+1, 1, 1, "k", "v"))
	f.want(wire.StatusSessionExpired, set(99, 1, 1, "k", "v"))
	f.want(wire.StatusSessionExpired, wire.Command{Op: wire.OpRenewSession, Session: 99})
	f.want(wire.StatusOK, wire.Command{Op: wire.OpCloseSession, Session: s})
	f.want(wire.StatusSessionExpired, wire.Command{Op: wire.OpCloseSession, Session: s})
	f.want(wire.StatusSessionExpired, set(s, 1, 1, "k", "v"))
	if value, _, _ := f.s.Get("k"); value != nil {
		t.Errorf("k was written: %q", value)
	}
}

func TestExpiry(t *testing.T) {
	f := newFeeder(t, Limits{SessionTTL: time.Second})
	writer, renewer, repeater, idle := f.open(), f.open(), f.open(), f.open()
	f.want(wire.StatusOK, set(repeater, 1, 1, "k", "v"))
	f.want(wire.StatusOK, tick(999))
	f.want(wire.StatusOK, set(writer, 1, 1, "k", "v"))
	f.want(wire.StatusOK, wire.Command{Op: wire.OpRenewSession, Session: renewer})
	if _, effect := f.apply(set(repeater, 1, 1, "k", "v")); effect {
		t.Error("a repeat took effect")
	}
	f.want(wire.StatusOK, tick(1))
	f.want(wire.StatusSessionExpired, set(idle, 1, 1, "k", "v"))
	f.want(wire.StatusOK, set(writer, 2, 1, "k", "v"))
	f.want(wire.StatusOK, set(renewer, 1, 1, "k", "v"))
	f.want(wire.StatusOK, set(repeater, 2, 1, "k", "v"))
	f.want(wire.StatusBadRequest, tick(-1))
	f.want(wire.StatusBadRequest, tick(maxTickMillis+1))
	f.want(wire.StatusOK, tick(maxTickMillis))
	for _, s := range []uint64{writer, renewer, repeater} {
		f.want(wire.StatusSessionExpired, set(s, 3, 1, "k", "v"))
	}
	if f.s.sessions.group != (sessionList{}) || f.s.sessions.sum != 0 {
		t.Error("expired sessions left something behind")
	}
}

func TestTooManySessions(t *testing.T) {
	f := newFeeder(t, Limits{MaxSessions: 2})
	s := f.open()
	f.open()
	f.want(wire.StatusTooManySessions, wire.Command{Op: wire.OpOpenSession})
	f.want(wire.StatusOK, wire.Command{Op: wire.OpCloseSession, Session: s})
	f.open()
	f.want(wire.StatusTooManySessions, wire.Command{Op: wire.OpOpenSession})
}

// TestSessionMemory holds that a session keeps no more than what is recorded,
// however far apart the sequences are, and that pages are used again.
func TestSessionMemory(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	sess := f.s.sessions.byID[s]
	f.want(wire.StatusOK, set(s, 65_536, 1, "k", "v"))
	if got := len(sess.results.pages); got != 1 {
		t.Errorf("one result takes %d pages", got)
	}
	for seq := uint64(65_537); seq < 70_000; seq++ {
		f.want(wire.StatusOK, set(s, seq, seq-8, "k", "v"))
	}
	if got := len(sess.results.pages) + len(f.s.sessions.spare.pages); got > 3 {
		t.Errorf("a window of nine results takes %d pages", got)
	}
}

// A write that names its predecessor waits for it, whatever the way there.
func TestPredecessor(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	after := func(seq, prev, floor uint64) wire.Command {
		c := set(s, seq, floor, "k", "value")
		c.Prev = prev
		return c
	}
	digest := f.s.Digest()
	f.want(wire.StatusOutOfOrder, after(2, 1, 1))
	if f.s.Digest() != digest {
		t.Error("a refusal has changed the state")
	}
	f.want(wire.StatusOutOfOrder, after(3, 2, 1)) // a refusal executes nothing
	f.want(wire.StatusOK, after(1, 0, 1))
	f.want(wire.StatusOK, after(2, 1, 1))
	f.want(wire.StatusOK, after(3, 2, 1))
	if r, effect := f.apply(after(3, 9, 1)); r.Status != wire.StatusBadRequest || effect {
		t.Errorf("a predecessor above the write itself: %+v", r)
	}
	f.want(wire.StatusBadRequest, after(4, 4, 1))
	// Nobody waits for 5 any more: it is never executed, and holds nothing up.
	f.want(wire.StatusOutOfOrder, after(6, 5, 4))
	f.want(wire.StatusOK, after(6, 5, 6))
	f.want(wire.StatusStaleSequence, after(5, 3, 4))
	// One that failed has been executed too.
	f.want(wire.StatusNotFound, wire.Command{Op: wire.OpDelete, Session: s, Seq: 7, Floor: 7, Prev: 6, Key: "none"})
	f.want(wire.StatusOK, after(8, 7, 7))
}
