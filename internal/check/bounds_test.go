package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// barrier makes the n-th message of an order of barriers, from 1.
func barrier(n uint64) *wire.Delivery {
	c := wire.Command{Op: wire.OpBarrier}
	return &wire.Delivery{
		View: 1, Sender: "n1", Incarnation: 1, Seq: n, First: n, Count: 1,
		Payload: c.Append(nil), Effects: []byte{1},
	}
}

func noOrder(*wire.Delivery) {}

// Bounds of a small TotalOrder.
const (
	fewMessages  = 100
	someMessages = 2000
)

func smallTotalOrder() *TotalOrder {
	c := NewTotalOrder(0, noOrder)
	c.keep, c.max = fewMessages, someMessages
	return c
}

// TestTotalOrderForgets runs two nodes for long: what both have delivered must
// not stay.
func TestTotalOrderForgets(t *testing.T) {
	c := smallTotalOrder()
	const n = 5 * fewMessages
	for i := uint64(1); i <= n; i++ {
		c.Deliver("n1", barrier(i))
		c.Deliver("n2", barrier(i))
		if len(c.ring) > 2*fewMessages {
			t.Fatalf("%d messages are kept after %d", len(c.ring), i)
		}
	}
	if r := c.Finish(n); !r.Pass() || r.Events != 2*n {
		t.Errorf("%+v", r)
	}
}

// TestTotalOrderKeepsForTheSlow lets one node lag: what it lacks must be kept,
// and held against it.
func TestTotalOrderKeepsForTheSlow(t *testing.T) {
	c := smallTotalOrder()
	const n = 5 * fewMessages
	c.Deliver("slow", barrier(1))
	for i := uint64(1); i <= n; i++ {
		c.Deliver("n1", barrier(i))
	}
	for i := uint64(2); i <= n; i++ {
		d := barrier(i)
		if i == n/2 {
			d.View = 2
		}
		c.Deliver("slow", d)
	}
	if r := c.Finish(n); r.Violations != 1 || r.Unchecked != 0 {
		t.Errorf("%+v", r)
	}
}

// TestTotalOrderGivesUpTheLost bounds what is kept for a node that stands
// still, and says that it could not be checked.
func TestTotalOrderGivesUpTheLost(t *testing.T) {
	c := smallTotalOrder()
	c.Deliver("lost", barrier(1))
	const n = someMessages + fewMessages
	for i := uint64(1); i <= n; i++ {
		c.Deliver("n1", barrier(i))
		if len(c.ring) > someMessages {
			t.Fatalf("%d messages are kept", len(c.ring))
		}
	}
	c.Deliver("lost", barrier(2))
	if r := c.Finish(n); r.Unchecked == 0 {
		t.Errorf("%+v", r)
	}
}

// TestTotalOrderSequence holds that a sender's messages of a view come in sequence, and
// views one after the other.
func TestTotalOrderSequence(t *testing.T) {
	for _, test := range []struct {
		name   string
		ids    [][2]uint64 // view and number in it
		passes bool
	}{
		{"in sequence", [][2]uint64{{1, 1}, {1, 2}, {2, 1}, {4, 1}}, true},
		{"from the middle of a view", [][2]uint64{{3, 7}, {3, 8}, {4, 1}}, true},
		{"a gap", [][2]uint64{{3, 7}, {3, 9}}, false},
		{"a repeat", [][2]uint64{{3, 7}, {3, 7}}, false},
		{"a view without its first message", [][2]uint64{{3, 7}, {4, 2}}, false},
		{"a view that comes back", [][2]uint64{{3, 7}, {4, 1}, {3, 8}}, false},
	} {
		c := NewTotalOrder(0, noOrder)
		for i, id := range test.ids {
			d := barrier(uint64(i + 1))
			d.View, d.Seq = id[0], id[1]
			c.Deliver("n1", d)
		}
		if r := c.Finish(uint64(len(test.ids))); r.Pass() != test.passes {
			t.Errorf("%s: %q", test.name, r.Texts)
		}
	}
	c := NewTotalOrder(0, noOrder)
	first, second := barrier(1), barrier(2)
	first.View, second.View, second.Sender, second.Seq = 2, 1, "other", 1
	c.Deliver("n1", first)
	c.Deliver("n1", second)
	if r := c.Finish(2); r.Violations != 1 {
		t.Errorf("a message of an older view, of another sender: %q", r.Texts)
	}
}

func TestTotalOrderStreams(t *testing.T) {
	feed := func(c *TotalOrder, name string, from, to uint64) {
		for i := from; i <= to; i++ {
			c.Deliver(name, barrier(i))
		}
	}
	for _, test := range []struct {
		name   string
		origin uint64
		run    func(c *TotalOrder)
		end    uint64
		want   string // of the texts; empty: pass
	}{
		{"a joiner told before the rest", 0, func(c *TotalOrder) { feed(c, "n2", 5, 9); feed(c, "n1", 1, 9) }, 9, ""},
		{"two joiners told before the rest", 0, func(c *TotalOrder) { feed(c, "n3", 7, 9); feed(c, "n2", 5, 9); feed(c, "n1", 1, 5) }, 5, ""},
		{"a joiner that begins nowhere", 0, func(c *TotalOrder) { feed(c, "n2", 5, 9); feed(c, "n1", 1, 3) }, 3, "violation: n2 begins at position 5, but the order ends at 3"},
		{"a crash", 0, func(c *TotalOrder) { feed(c, "n1", 1, 9); feed(c, "n2", 1, 4); c.End("n2") }, 9, ""},
		{"the most advanced node crashed", 0, func(c *TotalOrder) { feed(c, "n1", 1, 9); c.End("n1"); feed(c, "n2", 1, 4) }, 9, "could not check: n2 delivered only up to position 4, of 9"},
		{"a stream lost", 0, func(c *TotalOrder) { feed(c, "n1", 1, 9); feed(c, "n2", 1, 4); c.Lose("n2", "too slow") }, 9, "could not check: the deliveries of n2 ended: too slow"},
		{"a stream that never began", 0, func(c *TotalOrder) { c.Join("n2"); feed(c, "n1", 1, 9) }, 9, "could not check: n2 delivered nothing"},
		{"a snapshot loaded again", 0, func(c *TotalOrder) { feed(c, "n1", 1, 9); feed(c, "n2", 1, 3); c.Restart("n2"); feed(c, "n2", 7, 9) }, 9, ""},
		{"a gap without a snapshot", 0, func(c *TotalOrder) { feed(c, "n1", 1, 9); feed(c, "n2", 1, 3); feed(c, "n2", 7, 9) }, 9, "there is a gap"},
		{"streams from the middle", 4, func(c *TotalOrder) { feed(c, "n1", 3, 9); feed(c, "n2", 5, 9) }, 9, ""},
		{"a stream that begins after the middle", 4, func(c *TotalOrder) { feed(c, "n1", 6, 9) }, 4, "begins at position 6, but the order ends at 4"},
		{"an order that ends too early", 0, func(c *TotalOrder) { feed(c, "n1", 1, 9) }, 12, "could not check: n1 delivered only up to position 9, of 12"},
		{"nothing after the end is asked for", 0, func(c *TotalOrder) { feed(c, "n1", 1, 9); feed(c, "n2", 1, 7) }, 7, ""},
	} {
		c := NewTotalOrder(test.origin, noOrder)
		test.run(c)
		r := c.Finish(test.end)
		if text := strings.Join(r.Texts, "\n"); r.Pass() != (test.want == "") || !strings.Contains(text, test.want) {
			t.Errorf("%s: pass %v, texts %q, want %q", test.name, r.Pass(), text, test.want)
		}
	}
}

// TestTotalOrderCountsRuns does not take a node that was started again for two.
func TestTotalOrderCountsRuns(t *testing.T) {
	for names, want := range map[string]string{
		"n1 n2":          "2 commands, the same on 2 nodes",
		"n1 n2 n2#5":     "2 commands, the same on 3 runs of nodes",
		"n1#4 n2#5 n3#6": "2 commands, the same on 3 nodes",
	} {
		c := NewTotalOrder(0, noOrder)
		for name := range strings.FieldsSeq(names) {
			c.Deliver(name, barrier(1))
			c.Deliver(name, barrier(2))
		}
		if r := c.Finish(2); !r.Pass() || r.Covers != want {
			t.Errorf("%s: covers %q, want %q", names, r.Covers, want)
		}
	}
}

// TestReadsForgets writes one variable for long: versions that nobody can read
// any more must not stay, and a read of one says that it could not be checked.
func TestReadsForgets(t *testing.T) {
	r := NewReads("", 0)
	for p := uint64(1); p <= 10_000; p++ {
		r.Order(&Entry{
			Position: p, OK: true,
			Command: wire.Command{Op: wire.OpSet, Session: 1, Seq: p, Key: "k", Value: fmt.Append(nil, p)},
		})
		if p > 100 {
			r.Advance(p - 100)
		}
	}
	if n := len(r.variables["k"].versions); n > 102 {
		t.Errorf("%d versions are kept, of which 101 can be read", n)
	}
	read := func(p uint64) {
		r.Complete(&history.Op{Kind: history.Get, Key: "k", Value: fmt.Append(nil, p), Version: p, Position: p, Status: history.OK})
	}
	read(9_950)
	if r.unchecked > 0 || r.violations > 0 {
		t.Errorf("a read in the window: %q", r.texts)
	}
	read(5_000)
	if r.unchecked != 1 {
		t.Errorf("a read before the window counts %d unchecked, want 1", r.unchecked)
	}
}

// TestReadsWindow bounds what is kept when nobody says what may go.
// TestReadsOfConflicts holds the version that a conflict tells against what there was.
func TestReadsOfConflicts(t *testing.T) {
	for version, passes := range map[uint64]bool{0: true, 1: true, 2: false} {
		r := NewReads("", 0)
		r.Order(&Entry{Position: 1, OK: true, Command: wire.Command{Op: wire.OpSet, Key: "k"}})
		r.Order(&Entry{Position: 2, Command: wire.Command{Op: wire.OpCompareAndSet, Key: "k", Expect: 7}})
		r.Complete(&history.Op{
			Kind: history.CompareAndSet, Key: "k", Position: 2, Version: version, Expect: 7, Status: history.Fail, Because: history.Conflict,
		})
		if got := r.Finish(); got.Pass() != passes {
			t.Errorf("version %d: %q", version, got.Texts)
		}
	}
}

// A refusal for the quota says nothing of the variable: it needs no version that may be gone.
func TestReadsOfQuota(t *testing.T) {
	r := NewReads("", 0)
	for _, p := range []uint64{1, 2, 3} {
		r.Order(&Entry{Position: p, OK: p > 1, Command: wire.Command{Op: wire.OpSet, Key: "k"}})
	}
	r.Advance(3)
	r.Order(&Entry{Position: 4, OK: true, Command: wire.Command{Op: wire.OpSet, Key: "k"}})
	r.Complete(&history.Op{Kind: history.Set, Key: "k", Position: 1, Status: history.Fail, Because: history.Quota})
	if got := r.Finish(); !got.Pass() {
		t.Errorf("%q", got.Texts)
	}
}

func TestReadsWindow(t *testing.T) {
	r := NewReads("", 0)
	e := Entry{OK: true, Command: wire.Command{Op: wire.OpDelete, Session: 1, Key: "k"}}
	for _, p := range []uint64{1, 2, 3, maxPositions + 3, maxPositions + 4} {
		e.Position = p
		r.Order(&e)
	}
	if n := len(r.variables["k"].versions); n > 3 {
		t.Errorf("%d versions are kept", n)
	}
}

// TestReadsLeavesOthersAlone keeps to the prefix.
func TestReadsLeavesOthersAlone(t *testing.T) {
	r := NewReads("mine/", 0)
	r.Order(&Entry{Position: 1, OK: true, Command: wire.Command{Op: wire.OpDelete, Key: "theirs"}})
	if len(r.variables) > 0 || r.violations > 0 {
		t.Errorf("%d variables, texts %q", len(r.variables), r.texts)
	}
}

// TestAgreementShared tells the writes of others from ours.
// TestAgreementKnowsEveryCopy has a write refused three times. Its client may have been told
// any of the places.
func TestAgreementKnowsEveryCopy(t *testing.T) {
	for position, passes := range map[uint64]bool{2: true, 3: true, 4: true, 5: false} {
		a := NewAgreement(false, "", 1)
		for at := uint64(2); at <= 4; at++ {
			a.Order(&Entry{Position: at, Command: wire.Command{Op: wire.OpDelete, Session: 1, Seq: 1, Key: "k"}})
		}
		a.Order(&Entry{Position: 5, Command: wire.Command{Op: wire.OpBarrier}})
		a.Complete(&history.Op{Kind: history.Delete, Session: 1, Seq: 1, Key: "k", Position: position, Status: history.Fail, Because: history.NotFound})
		if r := a.Finish(); r.Pass() != passes {
			t.Errorf("told %d: %q", position, r.Texts)
		}
	}
}

func TestAgreementShared(t *testing.T) {
	a := NewAgreement(true, "mine/", 0)
	write := func(p uint64, session uint64, key string) {
		a.Order(&Entry{Position: p, OK: true, Command: wire.Command{Op: wire.OpSet, Session: session, Seq: 1, Key: key}})
	}
	write(1, 50, "theirs")
	write(2, 51, "mine/k")
	a.Complete(&history.Op{Kind: history.Set, Session: 51, Seq: 1, Key: "mine/k", Position: 2, Version: 2, Status: history.OK})
	write(3, 50, "mine/k")
	r := a.Finish()
	if r.Violations != 1 || !strings.Contains(r.Texts[0], "session 50") || !strings.Contains(r.Covers, "1 of others") {
		t.Errorf("%+v", r)
	}
}

// TestSessionOrderOverlaps has more operations in flight than are kept.
func TestSessionOrderOverlaps(t *testing.T) {
	s := NewSessionOrder()
	for i := range int64(3 * keepEnded) {
		s.Complete(&history.Op{Kind: history.Get, Session: 1, Position: uint64(i + 1), Start: i, End: i + 1})
	}
	if s.unchecked > 0 || s.violations > 0 {
		t.Fatalf("%q", s.texts)
	}
	s.Complete(&history.Op{Kind: history.Get, Session: 1, Position: 1 << 20, Start: 3, End: 1 << 20})
	if s.unchecked != 1 {
		t.Errorf("an operation that began too long ago counts %d unchecked, want 1", s.unchecked)
	}
}

// TestSessionOrderSequence has writes that overlap, each in the place that its number
// gives it, and one that is not.
func TestSessionOrderSequence(t *testing.T) {
	s := NewSessionOrder()
	write := func(seq, position uint64) {
		s.Complete(&history.Op{Kind: history.Set, Session: 1, Seq: seq, Position: position, Status: history.OK, Start: 1, End: 100})
	}
	write(1, 10)
	write(3, 30)
	write(2, 20)
	if s.violations > 0 {
		t.Fatalf("%q", s.texts)
	}
	write(4, 25)
	if s.violations != 1 {
		t.Errorf("%d violations, want 1", s.violations)
	}
}

// TestSessionOrderOverlappingWrites has writes whose client waits for each, side by side.
func TestSessionOrderOverlappingWrites(t *testing.T) {
	s := NewSessionOrder()
	write := func(seq, position uint64, loose bool) {
		s.Complete(&history.Op{Kind: history.Set, Session: 1, Seq: seq, Position: position, Status: history.OK, Start: 1, End: 100, Loose: loose})
	}
	write(1, 10, false)
	write(3, 20, true)
	write(2, 30, false)
	write(5, 5, true)
	if s.violations > 0 {
		t.Errorf("%q", s.texts)
	}
}

// TestSessionOrderReadsAfterWrites holds that a read reflects the writes that its session
// had issued before it, whichever ends first, and those alone.
func TestSessionOrderReadsAfterWrites(t *testing.T) {
	write := func(session, seq, position uint64) *history.Op {
		return &history.Op{Kind: history.Set, Session: session, Seq: seq, Position: position, Status: history.OK, Start: 1, End: 100}
	}
	read := func(after, position uint64) *history.Op {
		return &history.Op{Kind: history.Get, Session: 1, After: after, Position: position, Status: history.OK, Start: 2, End: 100}
	}
	for _, test := range []struct {
		name       string
		ops        []*history.Op
		violations uint64
	}{
		{"in order", []*history.Op{write(1, 1, 10), write(1, 2, 20), read(2, 20), write(1, 3, 30)}, 0},
		{"the read goes back", []*history.Op{write(1, 1, 10), write(1, 2, 20), read(2, 19)}, 1},
		{"the read goes back, and a later write has ended", []*history.Op{write(1, 1, 10), write(1, 2, 20), write(1, 3, 30), read(2, 19)}, 1},
		{"the write ends later", []*history.Op{write(1, 1, 10), read(2, 19), write(1, 2, 20)}, 1},
		{"the write ends later, and another read has seen it", []*history.Op{read(2, 19), read(2, 25), write(1, 2, 20)}, 1},
		{"the write ends later, and a later read has missed it", []*history.Op{read(2, 25), read(4, 19), write(1, 2, 20)}, 1},
		{"the write ends later, and is seen", []*history.Op{read(2, 20), write(1, 2, 20)}, 0},
		{"a write issued after the read", []*history.Op{write(1, 1, 10), write(1, 3, 30), read(2, 10)}, 0},
		{"the same, which ends later", []*history.Op{write(1, 1, 10), read(2, 10), write(1, 3, 30)}, 0},
		{"a read after no write", []*history.Op{read(0, 5), write(1, 1, 10), write(1, 2, 20), read(0, 5)}, 0},
		{"a write of another session", []*history.Op{write(2, 1, 30), read(1, 10), write(2, 2, 40)}, 0},
	} {
		s := NewSessionOrder()
		for _, o := range test.ops {
			s.Complete(o)
		}
		if s.violations != test.violations {
			t.Errorf("%s: %d violations, want %d: %q", test.name, s.violations, test.violations, s.texts)
		}
	}
	s := NewSessionOrder()
	for i := range uint64(3 * keepEnded) {
		s.Complete(read(i+1, i+1))
		s.Complete(write(1, i+1, i+1))
	}
	if trail := s.clients[0]; s.violations > 0 || len(trail.read) > 2*keepEnded || len(trail.written) > 2*keepEnded {
		t.Errorf("%d violations, %d reads and %d writes are kept", s.violations, len(trail.read), len(trail.written))
	}
}

// TestSessionOrderOfClients has clients with sessions of their own, and one whose session is
// replaced: it keeps what it has seen.
func TestSessionOrderOfClients(t *testing.T) {
	s := NewSessionOrder()
	get := func(client int, session, position uint64, at int64) {
		s.Complete(&history.Op{Kind: history.Get, Client: client, Session: session, Position: position, Status: history.OK, Start: at, End: at + 1})
	}
	get(1, 1, 10, 0)
	get(2, 2, 5, 10)
	if s.violations > 0 {
		t.Fatalf("%q", s.texts)
	}
	if get(1, 3, 9, 20); s.violations != 1 {
		t.Errorf("%d violations, want 1", s.violations)
	}
}

// TestStrongReadsForgets lets go of acknowledgements, and still knows the
// newest of them.
func TestStrongReadsForgets(t *testing.T) {
	s := NewStrongReads()
	for i := range int64(10_000) {
		s.Complete(&history.Op{Kind: history.Set, Position: uint64(i + 1), Start: i, End: i + 1, Status: history.OK})
		s.Advance(i - 10)
		if len(s.acks.kept) > 100 {
			t.Fatalf("%d acknowledgements are kept", len(s.acks.kept))
		}
	}
	s.Complete(&history.Op{Kind: history.GetStrong, Position: 9_999, Start: 10_001, End: 10_002, Status: history.OK})
	if s.violations != 1 {
		t.Errorf("a stale read counts %d violations, want 1", s.violations)
	}
	s.Complete(&history.Op{Kind: history.GetStrong, Position: 20_000, Start: 3, End: 10_003, Status: history.OK})
	if s.unchecked != 1 {
		t.Errorf("a read that began too long ago counts %d unchecked, want 1", s.unchecked)
	}
}

// TestFreshness holds reads against what was acknowledged a while before, of which a
// bounded part is kept.
func TestFreshness(t *testing.T) {
	ms := int64(time.Millisecond)
	f := NewFreshness(3 * time.Second)
	for i := range int64(100_000) { // one in a millisecond
		f.Complete(&history.Op{Kind: history.Set, Position: uint64(i + 1), Start: i * ms, End: i*ms + 1, Status: history.OK})
		f.Advance((i - 10) * ms)
		if len(f.acks.kept) > 2*(ageGrains+10) {
			t.Fatalf("%d acknowledgements are kept", len(f.acks.kept))
		}
	}
	for _, test := range []struct {
		kind                  history.Kind
		position              uint64
		start                 int64
		violations, unchecked uint64
	}{
		{history.Get, 97_000, 100_000, 0, 0},  // what was acknowledged 3 s ago
		{history.Get, 96_980, 100_000, 1, 0},  // less
		{history.Get, 100_000, 99_000, 1, 0},  // all of it
		{history.GetStrong, 1, 100_000, 1, 0}, // for another check
		{history.Get, 100_000, 50_000, 1, 1},  // too long ago
		{history.Get, 0, 100_000, 1, 1},       // it has failed
		{history.Get, 96_980, 100_001, 2, 1},  // again
		{history.ReadRange, 96_980, 100_001, 3, 1},
		{history.CountRange, 96_980, 100_001, 4, 1},
	} {
		f.Complete(&history.Op{Kind: test.kind, Position: test.position, Start: test.start * ms, End: 100_001 * ms, Status: history.OK})
		if f.violations != test.violations || f.unchecked != test.unchecked {
			t.Errorf("%+v: %d violations, %d unchecked: %q", test, f.violations, f.unchecked, f.texts)
		}
	}
	old := NewFreshness(0)
	old.Complete(&history.Op{Kind: history.Set, Position: 9, Start: 1, End: 2, Status: history.OK})
	old.Complete(&history.Op{Kind: history.Get, Position: 1, Start: 10 * ms, End: 11 * ms, Status: history.OK})
	if old.events > 0 || old.violations > 0 {
		t.Errorf("without an age: %+v", old.tally)
	}
}

// What a plain read of any kind reflects binds no strong read.
func TestStrongReadsPassByPlainOnes(t *testing.T) {
	s := NewStrongReads()
	for _, kind := range []history.Kind{history.Get, history.ReadRange, history.CountRange} {
		s.Complete(&history.Op{Kind: kind, Position: 9, Start: 1, End: 2, Status: history.OK})
	}
	s.Complete(&history.Op{Kind: history.GetStrong, Position: 5, Start: 3, End: 4, Status: history.OK})
	if s.violations > 0 || s.events != 1 {
		t.Errorf("%+v", s.tally)
	}
}

// TestConvergence compares digests of one position only.
func TestConvergence(t *testing.T) {
	c := NewConvergence()
	c.Digest("n1", 9, 7)
	c.Digest("n2", 9, 7)
	if r := c.Finish(); !r.Pass() || r.Events != 2 {
		t.Errorf("%+v", r)
	}
	c.Digest("n3", 8, 7)
	c.Miss("n4", "gone")
	c.Digest("n5", 9, 6)
	if r := c.Finish(); r.Violations != 1 || r.Unchecked != 2 {
		t.Errorf("%+v", r)
	}
}

// TestFound has a Checker say at once what it finds, and which of the checks did, and hand
// on each command.
func TestFound(t *testing.T) {
	var found []string
	commands := 0
	c := New(Options{Found: func(check, _ string) { found = append(found, check) }, Command: func(*Entry) { commands++ }})
	c.Deliver("n1", barrier(1))
	c.Deliver("n1", barrier(1))
	c.Complete(&history.Op{Kind: history.GetStrong, Status: history.OK})
	c.Digest("n1", 1, 1)
	c.Digest("n2", 1, 2)
	if got, want := strings.Join(found, ", "), "total order, session order, reads, strong reads, convergence"; got != want || commands != 1 {
		t.Errorf("found by %s, want %s; %d commands", got, want, commands)
	}
}
