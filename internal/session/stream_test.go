package session

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// most is how many writes a streamTest may have outstanding.
const most = 4

// try is an attempt of a streamTest, on a connection with a number.
type try struct {
	Run
	conn int
}

// streamTest is a stream whose writes are known by their numbers, from 1.
type streamTest struct {
	Stream[int, *try]
	t       *testing.T
	session Session
	ops     []*Operation
	sent    []uint64 // ordinals of the last batch
}

func newStreamTest(t *testing.T) *streamTest {
	s := &streamTest{t: t}
	s.Session = &s.session
	s.session.Opened(77)
	return s
}

// issue issues a write with a value of so many bytes.
func (s *streamTest) issue(bytes int, want Readiness) {
	s.t.Helper()
	op := &Operation{Kind: Write}
	if got := s.Issue(op, len(s.ops)+1, bytes, most); got != want {
		s.t.Fatalf("write %d: %d, want %d", len(s.ops)+1, got, want)
	}
	if want == Ready {
		s.ops = append(s.ops, op)
	}
}

// step holds the next step against what is wanted.
func (s *streamTest) step(want Step, pause time.Duration) {
	s.t.Helper()
	if got, d := s.Step(); got != want || d != pause {
		s.t.Fatalf("step %d with a pause of %v, want %d with %v", got, d, want, pause)
	}
}

// begin begins the present run on a connection.
func (s *streamTest) begin(conn int) *try {
	s.t.Helper()
	if _, ok := s.Present(func(a *try) bool { return a.conn != 0 }); ok {
		s.t.Fatal("the present run has begun")
	}
	a := &try{conn: conn}
	s.Begin(a)
	return a
}

// batch holds the writes of the next batch against what is wanted.
func (s *streamTest) batch(a *try, want ...int) {
	s.t.Helper()
	var got []int
	s.sent = nil
	s.Batch(a, func(ordinal uint64, op *Operation, write int) {
		if op != s.ops[write-1] {
			s.t.Errorf("write %d has another's operation", write)
		}
		got = append(got, write)
		s.sent = append(s.sent, ordinal)
	})
	if !slices.Equal(got, want) {
		s.t.Fatalf("the batch is %v, want %v", got, want)
	}
}

// settle settles a reply to the nth write of the stream.
func (s *streamTest) settle(a *try, write int, status wire.Status, position uint64, want Verdict, wantEnded bool) {
	s.t.Helper()
	op, got, v, ended := s.Settle(a, uint64(write-1), &wire.Reply{Status: status, Position: position})
	if op != s.ops[write-1] || got != write || v != want || ended != wantEnded {
		s.t.Fatalf("write %d: %d, verdict %d, ended %t, want %d, %t", got, write, v, ended, want, wantEnded)
	}
}

// settled holds the position that the session has seen against what is wanted.
func (s *streamTest) settled(a *try, want uint64) {
	s.t.Helper()
	if got := s.Settled(a, 0.5); got != want {
		s.t.Fatalf("the session has seen %d, want %d", got, want)
	}
}

// release holds what is given back against what is wanted; blame is the connection whose
// server does not do well, 0 for none.
func (s *streamTest) release(blame int, idle ...*try) {
	s.t.Helper()
	got, blamed, suspect := s.Release(nil)
	if !slices.Equal(got, idle) || suspect != (blame != 0) || suspect && blamed.conn != blame {
		s.t.Fatalf("%d attempts are given back, blamed %v (%t), want %d and connection %d", len(got), blamed, suspect, len(idle), blame)
	}
}

func TestStreamAnswers(t *testing.T) {
	s := newStreamTest(t)
	s.step(Park, 0)
	for range 2 {
		s.issue(1, Ready)
	}
	if !s.Woken() || s.Woken() {
		t.Error("a sender that is parked is woken once by what is issued")
	}
	s.issue(1, Ready)
	if s.Woken() {
		t.Error("a sender that is awake is woken again")
	}
	s.step(Send, 0)
	a := s.begin(1)
	s.batch(a, 1, 2, 3)
	s.release(0)
	if p, ok := s.Present(func(*try) bool { return true }); !ok || p != a {
		t.Error("the attempt is not that of the present run")
	}
	s.step(Park, 0)
	s.settle(a, 2, wire.StatusOK, 9, Answered, true)
	s.settle(a, 1, wire.StatusOK, 8, Answered, true)
	s.settled(a, 9)
	if s.Woken() {
		t.Error("a sender is woken that has nothing to do")
	}
	if got := s.AppendOpen(nil); !slices.Equal(got, []int{3}) || s.Open() != 1 {
		t.Errorf("open: %v", got)
	}
	if w, ok := s.Awaited(); !ok || w != 3 {
		t.Errorf("a read awaits %d", w)
	}
	s.settle(a, 3, wire.StatusTooLarge, 99, Declined, true)
	s.settled(a, 0)
	if !s.Woken() {
		t.Error("the sender is not woken to give the connection back")
	}
	s.release(0, a)
	s.release(0)
	if got := s.session.writes.Floor(); got != 4 {
		t.Errorf("the floor is %d", got)
	}
	if s.session.tail != 3 {
		t.Error("a write that was declined is known to have been executed") // its successors name it
	}
	if _, due := s.session.Renew(new(Operation)); due {
		t.Error("a session that has written has to be renewed")
	}
}

func TestStreamSessionEnds(t *testing.T) {
	s := newStreamTest(t)
	s.issue(1, Ready)
	s.issue(1, Ready)
	a := s.begin(1)
	s.batch(a, 1, 2)
	s.settle(a, 1, wire.StatusSessionExpired, 5, Expired, true)
	s.settle(a, 2, wire.StatusStaleSequence, 6, Superseded, true)
	s.settled(a, 0)
	if s.session.active {
		t.Error("a write without an answer has renewed the session")
	}
	s.issue(1, Unopened)
	s.session.Opened(80)
	s.issue(1, Ready)
	var renewal Operation
	s.session.Renew(&renewal)
	renewal.Reply(&wire.Reply{Status: wire.StatusSessionExpired})
	s.session.End(&renewal)
	s.issue(1, Lost)
	s.issue(1, Unopened)
	if op, _, _, ended := s.Settle(a, 0, &wire.Reply{}); op != nil || ended {
		t.Error("a write ended twice")
	}
}

func TestStreamIsFull(t *testing.T) {
	s := newStreamTest(t)
	for range most {
		s.issue(1, Ready)
	}
	s.issue(1, Full)
	a := s.begin(1)
	s.batch(a, 1, 2, 3, 4)
	if s.Roomy(most) {
		t.Error("there is room in a stream that is full")
	}
	s.settle(a, 1, wire.StatusOK, 1, Answered, true)
	if !s.Roomy(most) || s.Roomy(most-1) || !s.Roomy(8) {
		t.Error("room is not that for a quarter of what may be outstanding")
	}
	s.issue(1, Ready)
	s.issue(1, Full)
	s.session = Session{} // a full stream does not look at its session
	s.issue(1, Full)
}

func TestStreamIsFullOfBytes(t *testing.T) {
	s := newStreamTest(t)
	s.issue(maxStreamBytes, Ready)
	s.issue(1, Ready)
	s.issue(0, Full)
	a := s.begin(1)
	s.batch(a, 1)
	s.batch(a, 2)
	if s.Roomy(100) {
		t.Error("there is room in a stream that is full of bytes")
	}
	s.settle(a, 1, wire.StatusOK, 1, Answered, true)
	s.issue(maxStreamBytes*3/4-1, Ready)
	if !s.Roomy(100) {
		t.Error("there is no room for bytes")
	}
	s.issue(1, Ready)
	if s.Roomy(100) {
		t.Error("there is room above three quarters of the bytes")
	}
	s.GiveUp(func(*Operation, int) {})
	if s.bytes != 0 || s.Open() != 0 {
		t.Errorf("%d bytes of %d writes are left", s.bytes, s.Open())
	}
}

func TestStreamBatchesAreBounded(t *testing.T) {
	s := newStreamTest(t)
	for range batchWrites + 1 {
		s.ops = append(s.ops, &Operation{Kind: Write})
		s.Issue(s.ops[len(s.ops)-1], len(s.ops), 1, 1000)
	}
	a := s.begin(1)
	n := 0
	count := func(uint64, *Operation, int) { n++ }
	s.Batch(a, count)
	if n != batchWrites {
		t.Errorf("%d writes in a batch", n)
	}
	s.Batch(a, count)
	if n != batchWrites+1 || a.inFlight != n {
		t.Errorf("%d writes in two batches, %d in flight", n, a.inFlight)
	}
	s = newStreamTest(t)
	for _, bytes := range []int{batchBytes - 1, 1, 1} {
		s.issue(bytes, Ready)
	}
	a = s.begin(1)
	s.batch(a, 1, 2)
	s.batch(a, 3)
}

func TestStreamFindsNoRoom(t *testing.T) {
	s := newStreamTest(t)
	for range 3 {
		s.issue(1, Ready)
	}
	a := s.begin(1)
	s.batch(a, 1, 2, 3)
	s.NotTaken(a, s.sent[1], 2, false, 0.5)
	if a.inFlight != 1 {
		t.Errorf("%d are in flight", a.inFlight)
	}
	s.step(Park, 0) // until its own write is settled
	s.settle(a, 1, wire.StatusOK, 1, Answered, true)
	s.settled(a, 1)
	if !s.Woken() {
		t.Error("the sender is not woken when there may be room")
	}
	s.step(Send, 0)
	s.release(0)
	s.batch(a, 2, 3)
	s.NotTaken(a, s.sent[0], 2, false, 0.5)
	s.step(Rest, roomPause) // for others
	s.step(Send, 0)
	s.batch(a, 2, 3)
	if s.ops[1].Attempts() != 1 {
		t.Errorf("%d attempts were made at a write that was sent once", s.ops[1].Attempts())
	}
	s.settle(a, 2, wire.StatusUnavailable, 0, Refused, false)
	s.settled(a, 0)
	s.NotTaken(a, s.sent[1], 1, false, 0.5) // of a run that is over
	s.step(Send, 0)
	if s.starved {
		t.Error("a run that is over has no room")
	}
}

// Whatever fails in a run, another one follows once, at another server if that one does
// not do well, and after a pause if nothing was answered since the one before.
func TestStreamBeginsAnotherRun(t *testing.T) {
	s := newStreamTest(t)
	for range 3 {
		s.issue(1, Ready)
	}
	a := s.begin(1)
	s.batch(a, 1, 2, 3)
	s.settle(a, 1, wire.StatusOutOfOrder, 0, OutOfOrder, false)
	s.settled(a, 0)
	if p, ok := s.Present(func(*try) bool { return true }); ok {
		t.Errorf("the run goes on, on connection %d", p.conn)
	}
	s.release(0)
	s.step(Send, 0)
	b := s.begin(2)
	s.batch(b, 1, 2, 3)
	s.settle(a, 2, wire.StatusOK, 5, Answered, true) // of the run before
	s.settle(a, 3, wire.StatusUnavailable, 0, Refused, false)
	s.settled(a, 5)
	s.release(1, a)
	if s.pipeline.Run() != b.number {
		t.Error("what an overtaken run was answered has ended the present one")
	}
	s.Lost(b, 0, false)
	s.Lost(b, 2, true)
	s.settled(b, 0)
	if !s.ops[0].Unknown() || !s.ops[2].Unknown() {
		t.Error("the outcome of what was sent and lost is known")
	}
	s.release(2)
	s.step(Send, 0) // something was answered since the run before
	c := s.begin(3)
	s.batch(c, 1, 3)
	s.NotTaken(c, s.sent[0], 2, true, 0.5)
	s.release(3, c)
	s.step(Rest, Backoff(1, 0.5))
	s.step(Send, 0)
	d := s.begin(4)
	s.batch(c)
	s.batch(d, 1, 3)
	s.settle(d, 1, wire.StatusTooManyResults, 0, Crowded, false)
	s.settle(d, 3, wire.StatusInterrupted, 0, Interrupted, false)
	s.settled(d, 0)
	s.release(4, d)
	s.step(Rest, Backoff(2, 0.5))
	if left := s.Left(); !slices.Equal(left, []*try{b}) {
		t.Errorf("%d attempts are left", len(left)) // whose second write was settled by another run
	}
}

// What went wrong in a round begins one run, whose server is blamed if any reply says so.
// The next round is another.
func TestStreamRounds(t *testing.T) {
	s := newStreamTest(t)
	for range 4 {
		s.issue(1, Ready)
	}
	a := s.begin(1)
	s.batch(a, 1, 2, 3, 4)
	s.step(Park, 0)
	s.settle(a, 1, wire.StatusUnavailable, 0, Refused, false)
	s.settle(a, 2, wire.StatusOutOfOrder, 0, OutOfOrder, false)
	s.settled(a, 0)
	if !s.Woken() {
		t.Error("the sender is not woken for another run")
	}
	s.release(1)
	s.step(Send, 0)
	b := s.begin(2)
	s.batch(b, 1, 2, 3, 4)
	s.settle(b, 1, wire.StatusOutOfOrder, 0, OutOfOrder, false)
	s.settled(b, 0)
	s.release(0)
	s.step(Rest, Backoff(1, 0.5))
	s.settle(b, 2, wire.StatusUnavailable, 0, Refused, false) // of a run that is over
	s.settled(b, 0)
	s.release(2)
	s.step(Send, 0)
	c := s.begin(3)
	s.batch(c, 1, 2, 3, 4)
	s.step(Park, 0)
	s.settle(c, 1, wire.StatusOK, 1, Answered, true)
	s.settled(c, 1)
	if p, ok := s.Present(func(*try) bool { return true }); !ok || p != c || s.Woken() {
		t.Error("a round in which all is well has begun another run, or woken the sender")
	}
	s.Lost(c, 1, false)
	s.Lost(c, 2, true)
	s.Lost(c, 3, true)
	s.settled(c, 0)
	s.release(3, c)
	s.step(Send, 0)
	if s.session.writes.Floor() != 2 {
		t.Errorf("the floor is %d", s.session.writes.Floor())
	}
}

func TestStreamKnowsWhatWasNotSent(t *testing.T) {
	s := newStreamTest(t)
	s.issue(1, Ready)
	s.issue(1, Ready)
	a := s.begin(1)
	s.batch(a, 1, 2)
	s.Lost(a, 0, false)
	s.Lost(a, 1, true)
	s.settled(a, 0)
	if !s.ops[0].Unknown() || s.ops[1].Unknown() {
		t.Errorf("unknown: %t and %t", s.ops[0].Unknown(), s.ops[1].Unknown())
	}
}

// A connection without room has some again once anything is settled, also if what it had
// no room for has ended by answers to an earlier run.
func TestStreamHasRoomAgain(t *testing.T) {
	s := newStreamTest(t)
	for range 3 {
		s.issue(1, Ready)
	}
	a := s.begin(1)
	s.batch(a, 1, 2, 3)
	s.Present(func(*try) bool { return false })
	b := s.begin(2)
	s.batch(b, 1, 2, 3)
	s.NotTaken(b, s.sent[1], 2, false, 0.5)
	s.step(Park, 0)
	s.settle(a, 2, wire.StatusOK, 2, Answered, true)
	s.settle(a, 3, wire.StatusOK, 3, Answered, true)
	s.settled(a, 3)
	s.issue(1, Ready)
	s.step(Send, 0)
}

// A run leaves a connection that takes no more, and goes on elsewhere without a pause.
// What is under way there may still be answered.
func TestStreamLeavesAConnection(t *testing.T) {
	s := newStreamTest(t)
	s.issue(1, Ready)
	a := s.begin(1)
	s.batch(a, 1)
	s.issue(1, Ready)
	if _, ok := s.Present(func(a *try) bool { return a.conn != 1 }); ok {
		t.Fatal("the run stays on a connection that takes no more")
	}
	s.release(0)
	s.step(Send, 0)
	b := s.begin(2)
	s.batch(b, 1, 2)
	s.settle(a, 1, wire.StatusOK, 3, Answered, true)
	s.settled(a, 3)
	s.release(0, a)
	if left := s.Left(); !slices.Equal(left, []*try{b}) || len(s.Left()) != 0 {
		t.Errorf("%d attempts are left", len(left))
	}
}

// A sender that is parked gives back at once a connection of an earlier run over which
// nothing is under way any more.
func TestStreamWakesForEarlierRuns(t *testing.T) {
	s := newStreamTest(t)
	s.issue(1, Ready)
	a := s.begin(1)
	s.batch(a, 1)
	s.Present(func(*try) bool { return false })
	b := s.begin(2)
	s.batch(b, 1)
	s.step(Park, 0)
	s.settle(a, 1, wire.StatusUnavailable, 0, Refused, false)
	s.settled(a, 0)
	if !s.Woken() {
		t.Error("the sender is not woken")
	}
	s.release(1, a)
}

func TestStreamGivesUp(t *testing.T) {
	s := newStreamTest(t)
	var gone []int
	gaveUp := func(op *Operation, write int) {
		if op != s.ops[write-1] {
			t.Errorf("write %d has another's operation", write)
		}
		gone = append(gone, write)
	}
	s.issue(1, Ready)
	a := s.begin(1)
	s.batch(a, 1)
	s.Tick(gaveUp)
	s.issue(1, Ready)
	for range TicksPerTimeout - 1 {
		s.Tick(gaveUp)
	}
	if len(gone) != 0 {
		t.Errorf("%v are given up too early", gone)
	}
	s.Tick(gaveUp)
	if !slices.Equal(gone, []int{1}) || !s.ops[0].Unknown() {
		t.Errorf("%v are given up, unknown: %t", gone, s.ops[0].Unknown())
	}
	s.Tick(gaveUp)
	if !slices.Equal(gone, []int{1, 2}) || s.ops[1].Unknown() {
		t.Errorf("%v are given up, unknown: %t", gone, s.ops[1].Unknown())
	}
	if s.bytes != 0 || s.session.active || s.session.writes.Floor() != 3 || s.session.tail != 2 {
		t.Errorf("%d bytes are left, the session is active: %t, floor %d, tail %d", s.bytes, s.session.active, s.session.writes.Floor(), s.session.tail)
	}
}
