package check

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// tick puts a tick into the order, and returns its position.
func (r *txnRun) tick(delta int64, expect uint64, ok bool) uint64 {
	return r.put(wire.Command{Op: wire.OpClock, Delta: delta, Expect: expect}, ok)
}

// do puts a transaction into the order that takes effect, whose client hears the results.
func (r *txnRun) do(ops []wire.TxnOp, results ...wire.TxnResult) uint64 {
	t := &wire.Txn{Then: ops}
	at := r.order(txnCommand(t), true)
	r.told(t, history.Op{Status: history.OK, Position: at, Version: at, Sum: wire.TxnThen}, results...)
	return at
}

// read has a client read a variable at a position: nothing, or the value of a version.
func (r *txnRun) read(key string, position uint64, value string, version uint64) {
	o := history.Op{Kind: history.Get, Key: key, Status: history.OK, Position: position, Version: version, Start: int64(2 * r.after), End: int64(2*r.after + 1)}
	if version != 0 {
		o.Value = []byte(value)
	}
	r.c.Complete(&o)
}

func putFor(key string, ttl uint64) wire.TxnOp {
	return wire.TxnOp{Kind: wire.TxnPut, Key: key, Value: []byte("v"), TTL: ttl}
}

var (
	was    = wire.TxnResult{Has: wire.TxnFound}
	noTTL  = wire.TxnResult{Has: wire.TxnFound | wire.TxnNumber, Number: wire.NoTTL}
	absent = wire.TxnResult{}
)

func left(millis int64) wire.TxnResult {
	return wire.TxnResult{Has: wire.TxnFound | wire.TxnNumber, Number: millis}
}

// A timer starts with the first tick whose sender knew of it, and the variable goes with the
// first tick at which its time and a millisecond have been counted.
func TestExpiry(t *testing.T) {
	ask := []wire.TxnOp{{Kind: wire.TxnTTL, Key: "a"}}
	for name, tc := range map[string]struct {
		last int64 // that the last tick counts
		gone bool
	}{
		"too soon": {last: 5}, "at last": {last: 6, gone: true}, "late": {last: 1000, gone: true},
	} {
		r := newTxnRun(Options{})
		set := r.do([]wire.TxnOp{putFor("a", 10)}, absent)
		r.tick(500, set-1, true)
		r.do(ask, left(10))
		r.tick(500, set, true) // with which it starts
		r.do(ask, left(10))
		r.tick(5, set, true)
		r.do(ask, left(6))
		at := r.tick(tc.last, set, true)
		r.read("a", at-1, "v", set)
		if tc.gone {
			r.read("a", at, "", 0)
			r.do(ask, absent)
		} else {
			r.read("a", at, "v", set)
			r.do(ask, left(1))
		}
		if got := r.verdict(); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// What is read after an expiry, or told of it, is held against it.
func TestExpiryIsRead(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(r *txnRun, set, at uint64)
		want string
	}{
		"read":     {func(r *txnRun, set, at uint64) { r.read("a", at, "v", set) }, "the last write at or before that position is an expiry at position 3"},
		"too soon": {func(r *txnRun, _, at uint64) { r.read("a", at-1, "", 0) }, "is version 1"},
		"deleted":  {func(r *txnRun, _, _ uint64) { r.order(wire.Command{Op: wire.OpDelete, Key: "a"}, true) }, "although there was no such variable"},
		"compared": {func(r *txnRun, set, _ uint64) {
			r.order(wire.Command{Op: wire.OpCompareAndSet, Key: "a", Expect: set}, true)
		}, "although the version was 0"},
		"asked": {func(r *txnRun, _, _ uint64) { r.do([]wire.TxnOp{{Kind: wire.TxnTTL, Key: "a"}}, left(0)) }, "was told results that are not"},
		"appended": {func(r *txnRun, _, _ uint64) {
			r.do([]wire.TxnOp{{Kind: wire.TxnAppend, Key: "a", Value: []byte("w")}}, left(2))
		}, "was told results that are not"},
		"if present": {func(r *txnRun, _, _ uint64) {
			r.do([]wire.TxnOp{{Kind: wire.TxnRead, Key: "a", If: wire.Cond{Kind: wire.CondPresent}}}, was)
		}, `its condition on "a" does not hold`},
	} {
		r := newTxnRun(Options{})
		set := r.do([]wire.TxnOp{putFor("a", 10)}, absent)
		r.tick(0, set, true)
		at := r.tick(11, set, true)
		tc.do(r, set, at)
		if got := r.verdict(); !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// What each write does to a TTL of 10 ms, of which 3 are gone.
func TestWritesAndTTLs(t *testing.T) {
	ask := wire.TxnOp{Kind: wire.TxnTTL, Key: "a"}
	expire := wire.TxnOp{Kind: wire.TxnExpire, Key: "a", TTL: 70}
	persist := wire.TxnOp{Kind: wire.TxnPersist, Key: "a"}
	remove := wire.TxnOp{Kind: wire.TxnDelete, Key: "a"}
	keep := wire.TxnOp{Kind: wire.TxnPut, Key: "a", Value: []byte("v"), KeepTTL: true}
	old := wire.TxnResult{Has: wire.TxnFound | wire.TxnValue, Version: 1, Value: []byte("7")}
	withOld := func(o wire.TxnOp) wire.TxnOp { o.Old = true; return o }
	type results = []wire.TxnResult
	for name, tc := range map[string]struct {
		ops     []wire.TxnOp
		results results
		want    wire.TxnResult // of a TTL after it
	}{
		"nothing":            {[]wire.TxnOp{ask}, results{left(8)}, left(8)},
		"put":                {[]wire.TxnOp{putFor("a", 0), ask}, results{was, noTTL}, noTTL},
		"put with TTL":       {[]wire.TxnOp{putFor("a", 20), ask}, results{was, left(20)}, left(20)},
		"put that keeps":     {[]wire.TxnOp{keep, ask}, results{was, left(8)}, left(8)},
		"add":                {[]wire.TxnOp{{Kind: wire.TxnAdd, Key: "a", Delta: 1}, ask}, results{left(8), left(8)}, left(8)},
		"add with TTL":       {[]wire.TxnOp{{Kind: wire.TxnAdd, Key: "a", Delta: 1, TTL: 30}, ask}, results{left(8), left(30)}, left(30)},
		"append":             {[]wire.TxnOp{{Kind: wire.TxnAppend, Key: "a"}, ask}, results{left(1), left(8)}, left(8)},
		"append with TTL":    {[]wire.TxnOp{{Kind: wire.TxnAppend, Key: "a", TTL: 40}, ask}, results{left(1), left(40)}, left(40)},
		"read":               {[]wire.TxnOp{{Kind: wire.TxnRead, Key: "a"}}, results{old}, left(8)},
		"delete":             {[]wire.TxnOp{remove, ask}, results{was, absent}, absent},
		"delete, put":        {[]wire.TxnOp{remove, keep, ask}, results{was, absent, noTTL}, noTTL},
		"expire":             {[]wire.TxnOp{expire, ask}, results{was, left(70)}, left(70)},
		"expire, old":        {[]wire.TxnOp{withOld(expire)}, results{old}, left(70)},
		"expire, put":        {[]wire.TxnOp{expire, putFor("a", 0)}, results{was, was}, noTTL},
		"persist":            {[]wire.TxnOp{persist, ask}, results{was, noTTL}, noTTL},
		"persist, old":       {[]wire.TxnOp{withOld(persist), expire}, results{old, was}, left(70)},
		"expire of none":     {[]wire.TxnOp{remove, expire, ask, keep}, results{was, absent, absent, absent}, noTTL},
		"persist of none":    {[]wire.TxnOp{remove, persist, putFor("a", 9), ask}, results{was, absent, absent, left(9)}, left(9)},
		"put, then deleted":  {[]wire.TxnOp{putFor("a", 20), remove}, results{was, was}, absent},
		"delete and add":     {[]wire.TxnOp{remove, {Kind: wire.TxnAdd, Key: "a", Delta: 1}, ask}, results{was, {Has: wire.TxnNumber, Number: 1}, noTTL}, noTTL},
		"of others":          {[]wire.TxnOp{putFor("b", 5)}, results{absent}, left(8)},
		"put new and delete": {[]wire.TxnOp{putFor("b", 5), {Kind: wire.TxnDelete, Key: "b"}}, results{absent, was}, left(8)},
	} {
		r := newTxnRun(Options{})
		set := r.do([]wire.TxnOp{{Kind: wire.TxnPut, Key: "a", Value: []byte("7"), TTL: 10}}, absent)
		r.tick(0, set, true)
		r.tick(3, set, true)
		r.do(tc.ops, tc.results...)
		r.do([]wire.TxnOp{ask}, tc.want)
		if got := r.verdict(); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for op, want := range map[wire.Op]wire.TxnResult{wire.OpSet: noTTL, wire.OpDelete: absent, wire.OpAdd: left(8), wire.OpCompareAndSet: left(8)} {
		r := newTxnRun(Options{})
		set := r.do([]wire.TxnOp{{Kind: wire.TxnPut, Key: "a", Value: []byte("7"), TTL: 10}}, absent)
		r.tick(0, set, true)
		r.tick(3, set, true)
		at := r.order(wire.Command{Op: op, Key: "a", Value: []byte("8"), Expect: set, Delta: 1}, true)
		kind := history.Kind(op.String())
		one := history.Op{Session: 1, Seq: r.seq, Kind: kind, Key: "a", Status: history.OK, Position: at, Version: at, Start: int64(2 * at), End: int64(2*at + 1)}
		switch op {
		case wire.OpDelete:
			one.Version = 0
		case wire.OpAdd:
			one.Delta, one.Sum = 1, 8
		case wire.OpCompareAndSet:
			one.Value, one.Expect = []byte("8"), set
		default:
			one.Value = []byte("8")
		}
		r.c.Complete(&one)
		r.do([]wire.TxnOp{ask}, want)
		if got := r.verdict(); got != "" {
			t.Errorf("%s: %s", op, got)
		}
	}
}

// A tick counts what it may, and is refused only if not.
func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		delta  int64
		expect uint64
		ok     bool
		want   string
	}{
		{0, 0, true, ""},
		{maxTick, 1, true, ""},
		{5, 1, false, "was refused, and could have been done"},
		{-1, 1, false, ""},
		{-1, 1, true, "took effect, and could not be done"},
		{maxTick + 1, 1, false, ""},
		{maxTick + 1, 1, true, "took effect, and could not be done"},
		{5, 2, false, ""},
		{5, 2, true, "took effect, and could not be done"},
		{5, 3, false, ""},
	} {
		r := newTxnRun(Options{})
		r.do([]wire.TxnOp{putFor("a", 10)}, absent)
		r.tick(tc.delta, tc.expect, tc.ok)
		if got := r.verdict(); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%+v: %q", tc, got)
		}
	}
	// A tick of an old release moves the clock, and removes nothing.
	r := newTxnRun(Options{})
	set := r.do([]wire.TxnOp{putFor("a", 10)}, absent)
	r.tick(0, set, true)
	r.after++
	old := wire.Command{Op: wire.OpTick, Delta: 11}
	r.c.Deliver("n", &wire.Delivery{View: 1, Sender: "n", Incarnation: 1, Seq: r.after, First: r.after, Count: 1, Payload: old.Append(nil), Effects: []byte{1}})
	r.read("a", r.after, "v", set)
	r.do([]wire.TxnOp{{Kind: wire.TxnTTL, Key: "a"}}, left(0))
	r.read("a", r.tick(0, set, true), "", 0)
	if got := r.verdict(); got != "" {
		t.Error(got)
	}
}

// A tick removes so many, those that are due first.
func TestTickIsBounded(t *testing.T) {
	r := newTxnRun(Options{})
	name := func(i int) string { return fmt.Sprintf("%05d", i) }
	var txn wire.Txn
	for i := range maxExpiries + 1 {
		txn.Then = append(txn.Then, putFor(name(i), uint64(maxExpiries-i+1)))
		if len(txn.Then) == 500 || i == maxExpiries {
			r.order(txnCommand(&txn), true)
			txn.Reset()
		}
	}
	set := r.after
	r.tick(0, set, true)
	at := r.tick(maxTick, set, true)
	r.read(name(1), at, "", 0)
	r.read(name(0), at, "v", 1)
	r.read(name(0), r.tick(0, set, true), "", 0)
	for _, result := range r.c.Finish(r.after) {
		if result.Name == "reads" && !result.Pass() {
			t.Error(result.Texts)
		}
	}
}

// In a group with others, their variables are not followed, and ours are.
func TestExpiryAmongOthers(t *testing.T) {
	r := newTxnRun(Options{Shared: true, Prefix: "p/"})
	set := r.do([]wire.TxnOp{putFor("p/a", 10)}, absent)
	r.do([]wire.TxnOp{putFor("x", 10)}, absent)
	r.tick(0, r.after, true)
	at := r.tick(11, r.after, true)
	r.read("p/a", at-1, "v", set)
	r.read("p/a", at, "", 0)
	if n := len(r.c.reads.timers.of); n > 0 {
		t.Errorf("%d timers are left", n)
	}
	r.c.Finish(r.after)
	if reads := r.c.reads.Finish(); !reads.Pass() {
		t.Error(reads.Texts)
	}
}

// Expiries are events of their own kind, in the order in which they are due, with what was
// before.
func TestWatchExpiries(t *testing.T) {
	event := func(kind wire.EventKind, key string, last bool) wire.Event {
		return wire.Event{Kind: kind, Position: 4, Key: key, OldVersion: 1, Old: []byte("v"), Last: last}
	}
	b := event(wire.EventExpire, "b", true)
	b.OldVersion = 2
	early, noOld := b, b
	early.Position, noOld.OldVersion, noOld.Old = 3, 0, nil
	for name, tc := range map[string]struct {
		events []wire.Event
		want   string
	}{
		"as they are":    {[]wire.Event{event(wire.EventExpire, "c", false), event(wire.EventExpire, "a", false), b}, ""},
		"as deletions":   {[]wire.Event{event(wire.EventDelete, "c", false)}, `returns a delete for "c" at position 4, which is an expiry at position 4`},
		"as puts":        {[]wire.Event{event(wire.EventPut, "c", false)}, `which is an expiry`},
		"by their names": {[]wire.Event{event(wire.EventExpire, "a", false)}, `next is that of "c" at position 4`},
		"too soon":       {[]wire.Event{early}, "returns a change"},
		"without old":    {[]wire.Event{event(wire.EventExpire, "c", false), event(wire.EventExpire, "a", false), noOld}, `for what "b" was`},
		"torn":           {[]wire.Event{event(wire.EventExpire, "c", true)}, "as the last there: true"},
		"left out":       {[]wire.Event{{Kind: wire.EventProgress, Position: 4, Last: true}}, `lacks that of "c"`},
		"of a deletion":  {[]wire.Event{event(wire.EventExpire, "c", false), event(wire.EventExpire, "a", false), b, {Kind: wire.EventExpire, Position: 6, Key: "d", OldVersion: 5, Last: true}}, "which is a delete"},
	} {
		r := newTxnRun(Options{Watches: true})
		r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{putFor("a", 10), putFor("c", 9)}}), true)
		r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{putFor("b", 10)}}), true)
		w := r.c.Watch("the watch", "", "", true, 2)
		r.tick(0, 2, true)
		r.tick(11, 2, true)
		r.order(wire.Command{Op: wire.OpSet, Key: "d"}, true)
		if strings.Contains(name, "deletion") {
			r.order(wire.Command{Op: wire.OpDelete, Key: "d"}, true)
			tc.events = slices.Insert(slices.Clone(tc.events), min(3, len(tc.events)), wire.Event{Kind: wire.EventPut, Position: 5, Key: "d", Value: []byte{}, Last: true})
		}
		for i := range tc.events {
			w.Event(&tc.events[i])
		}
		result := r.c.watches.Finish()
		if got := strings.Join(result.Texts, "\n"); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// slowTimers are what timers follow, in a map that is sorted whenever it counts.
type slowTimers struct {
	clock uint64
	of    map[string]timer
}

func (s *slowTimers) tick() (gone []string) {
	for key, one := range s.of {
		if one.deadline != 0 && one.deadline <= s.clock {
			gone = append(gone, key)
		}
	}
	slices.SortFunc(gone, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.of[a].deadline, s.of[b].deadline), cmp.Compare(s.of[a].set, s.of[b].set), cmp.Compare(a, b))
	})
	for _, key := range gone {
		delete(s.of, key)
	}
	return gone
}

// Random TTLs expire as in a map that is sorted each time, and no more is kept than there is.
func TestTimers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quick, slow := newTimers[string](), &slowTimers{of: make(map[string]timer)}
		number := func(most int, what string) int { return rapid.IntRange(0, most).Draw(t, what) }
		steps := uint64(number(200, "steps"))
		for position := uint64(1); position <= steps; position++ {
			key := strconv.Itoa(number(5, "key"))
			switch number(3, "what") {
			case 0, 1:
				ttl := uint64(1 + number(20, "ttl"))
				quick.set(key, ttl, position)
				slow.of[key] = timer{ttl: ttl, set: position}
			case 2:
				quick.clear(key)
				delete(slow.of, key)
			case 3:
				delta, known := uint64(number(15, "delta")), position-min(position, uint64(number(10, "known")))
				quick.clock += delta
				slow.clock += delta
				var gone []string
				for key, ok := quick.next(); ok; key, ok = quick.next() {
					gone = append(gone, key)
				}
				if want := slow.tick(); !slices.Equal(gone, want) {
					t.Fatalf("at %d %v go, want %v", position, gone, want)
				}
				quick.start(known)
				for key, one := range slow.of {
					if one.deadline == 0 && one.set <= known {
						one.deadline = slow.clock + one.ttl + 1
						slow.of[key] = one
					}
				}
			}
			for key, one := range quick.of {
				if one != slow.of[key] || len(quick.of) != len(slow.of) {
					t.Fatalf("%+v, want %+v", quick.of, slow.of)
				}
			}
		}
	})
	many := newTimers[string]()
	for position := range uint64(100 * kept) {
		many.set("a", 5, position+1)
		if position%2 == 0 {
			many.start(position + 1)
		}
	}
	if n := many.started.Len() + len(many.waiting); n < kept/2 || n > kept+2 {
		t.Errorf("%d places are kept for one timer", n)
	}
	waiting := newTimers[string]()
	for position := range uint64(10 * kept) {
		waiting.set(strconv.Itoa(int(position%kept)), 5, position+1)
	}
	if n := len(waiting.waiting); n < kept || n > 3*kept {
		t.Errorf("%d places are kept for %d timers that wait", n, kept)
	}
	waiting.start(10 * kept)
	waiting.clock = 6
	for range kept {
		if _, ok := waiting.next(); !ok {
			t.Error("a timer that waited was dropped")
			break
		}
	}
	many.clock = 6
	if key, ok := many.next(); ok {
		t.Errorf("%q is due, and was set since", key)
	}
	many.start(100 * kept)
	if many.clock += 6; many.left("a") != 0 {
		t.Errorf("%d ms are left", many.left("a"))
	}
	if key, ok := many.next(); key != "a" || !ok {
		t.Errorf("%q is due", key)
	}
}
