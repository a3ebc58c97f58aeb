package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// clock is a tick whose sender has applied all up to seen.
func clock(millis int64, seen uint64) wire.Command {
	return wire.Command{Op: wire.OpClock, Delta: millis, Expect: seen}
}

func expire(key string, ttl uint64) wire.TxnOp {
	return wire.TxnOp{Kind: wire.TxnExpire, Key: key, TTL: ttl}
}

func putFor(key, value string, ttl uint64) wire.TxnOp {
	return wire.TxnOp{Kind: wire.TxnPut, Key: key, Value: []byte(value), TTL: ttl}
}

// pass lets time pass, all of which counts.
func (f *feeder) pass(millis int64) uint64 {
	f.t.Helper()
	return f.want(wire.StatusOK, clock(millis, f.s.Applied())).Position
}

// A timer starts with the first tick whose sender had applied its command, and counts what
// comes after that, and a millisecond.
func TestTimerStarts(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	set := f.want(wire.StatusOK, txn(s, 1, 1, putFor("k", "v", 10))).Position
	for _, tc := range []struct {
		millis int64
		seen   uint64
		due    Due
		exists bool
	}{
		{1000, set - 1, Due{Unarmed: true}, true},
		{1000, set, Due{Timed: true, Left: 11}, true},
		{10, set, Due{Timed: true, Left: 1}, true},
		{0, set, Due{Timed: true, Left: 1}, true},
		{1, 0, Due{}, false},
	} {
		position := f.want(wire.StatusOK, clock(tc.millis, tc.seen)).Position
		if due := f.s.Due(); due != tc.due {
			t.Errorf("after %d ms: due %+v, want %+v", tc.millis, due, tc.due)
		}
		value, _, at := f.s.Get("k")
		if (value != nil) != tc.exists || at != position {
			t.Errorf("after %d ms: %q at %d", tc.millis, value, at)
		}
	}
	if err := f.s.VerifyAll(); err != nil || f.s.Timers() != 0 {
		t.Errorf("%v, %d timers", err, f.s.Timers())
	}
}

// A tick that cannot be is refused, and no time passes.
func TestImpossibleTicks(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.want(wire.StatusOK, txn(f.open(), 1, 1, putFor("k", "v", 10)))
	f.pass(0)
	for _, c := range []wire.Command{
		clock(-1, 1), clock(maxTickMillis+1, 1), clock(20, f.s.Applied()+4), clock(20, 1<<63),
	} {
		f.want(wire.StatusBadRequest, c)
	}
	f.want(wire.StatusOK, clock(maxTickMillis, 1))
	if value, _, _ := f.s.Get("k"); value != nil {
		t.Errorf("k is %q", value)
	}
}

// What each write does to the TTL of a variable that has one of 1000 ms.
func TestWritesAndTTLs(t *testing.T) {
	op := func(kind wire.TxnKind) wire.TxnOp { return wire.TxnOp{Kind: kind, Key: "k"} }
	with := func(o wire.TxnOp, change func(*wire.TxnOp)) wire.TxnOp { change(&o); return o }
	ttl := func(o wire.TxnOp, ttl uint64) wire.TxnOp { o.TTL = ttl; return o }
	for name, tc := range map[string]struct {
		c    wire.Command // but for its session and sequence
		ops  []wire.TxnOp
		want int64
	}{
		"set":                  {c: wire.Command{Op: wire.OpSet}, want: wire.NoTTL},
		"add":                  {c: wire.Command{Op: wire.OpAdd}, want: 1000},
		"compare and set":      {c: wire.Command{Op: wire.OpCompareAndSet, Expect: 2}, want: 1000},
		"put":                  {ops: []wire.TxnOp{op(wire.TxnPut)}, want: wire.NoTTL},
		"put and keep":         {ops: []wire.TxnOp{with(op(wire.TxnPut), func(o *wire.TxnOp) { o.KeepTTL = true })}, want: 1000},
		"put for a time":       {ops: []wire.TxnOp{ttl(op(wire.TxnPut), 5)}, want: 5},
		"inc":                  {ops: []wire.TxnOp{op(wire.TxnAdd)}, want: 1000},
		"inc for a time":       {ops: []wire.TxnOp{ttl(op(wire.TxnAdd), 5)}, want: 5},
		"append":               {ops: []wire.TxnOp{op(wire.TxnAppend)}, want: 1000},
		"append for a time":    {ops: []wire.TxnOp{ttl(op(wire.TxnAppend), 5)}, want: 5},
		"expire":               {ops: []wire.TxnOp{expire("k", 2000)}, want: 2000},
		"persist":              {ops: []wire.TxnOp{op(wire.TxnPersist)}, want: wire.NoTTL},
		"persist, then expire": {ops: []wire.TxnOp{op(wire.TxnPersist), expire("k", 7)}, want: 7},
		"expire, then persist": {ops: []wire.TxnOp{expire("k", 7), op(wire.TxnPersist)}, want: wire.NoTTL},
		"delete, then put":     {ops: []wire.TxnOp{op(wire.TxnDelete), op(wire.TxnPut)}, want: wire.NoTTL},
		"delete, then inc":     {ops: []wire.TxnOp{op(wire.TxnDelete), op(wire.TxnAdd)}, want: wire.NoTTL},
		"delete, then keep":    {ops: []wire.TxnOp{op(wire.TxnDelete), with(op(wire.TxnPut), func(o *wire.TxnOp) { o.KeepTTL = true })}, want: wire.NoTTL},
		"put for a time, put":  {ops: []wire.TxnOp{ttl(op(wire.TxnPut), 5), op(wire.TxnPut)}, want: wire.NoTTL},
		"read":                 {ops: []wire.TxnOp{op(wire.TxnRead)}, want: 1000},
	} {
		f := newFeeder(t, Limits{})
		s := f.open()
		f.want(wire.StatusOK, txn(s, 1, 1, putFor("k", "5", 1000)))
		f.pass(0)
		if tc.ops != nil {
			tc.c = txn(s, 2, 2, append(tc.ops, op(wire.TxnTTL))...)
			list := f.results(tc.c)
			if got := list[len(list)-1]; got.Number != tc.want || got.Has != wire.TxnFound|wire.TxnNumber {
				t.Errorf("%s: the transaction itself sees %+v, want %d ms", name, got, tc.want)
			}
		} else {
			tc.c.Session, tc.c.Seq, tc.c.Floor, tc.c.Key, tc.c.Value = s, 2, 2, "k", []byte("6")
			f.want(wire.StatusOK, tc.c)
		}
		if got := f.results(txn(s, 3, 3, op(wire.TxnTTL)))[0]; got.Number != tc.want {
			t.Errorf("%s: %d ms are left, want %d", name, got.Number, tc.want)
		}
		if err := f.s.VerifyAll(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of what does not exist there is no TTL, and nothing expires.
func TestNoVariableNoTTL(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	for i, r := range f.results(txn(s, 1, 1,
		expire("k", 5), wire.TxnOp{Kind: wire.TxnPersist, Key: "k"}, wire.TxnOp{Kind: wire.TxnTTL, Key: "k"},
		putFor("l", "v", 5), wire.TxnOp{Kind: wire.TxnDelete, Key: "l"})) {
		if i < 3 && (r.Has != 0 || r.Number != 0) {
			t.Errorf("operation %d: %+v", i, r)
		}
	}
	f.want(wire.StatusOK, txn(s, 2, 2, put("k", "v")))
	if f.s.Timers() != 0 || f.s.Due() != (Due{}) {
		t.Errorf("%d timers, due %+v", f.s.Timers(), f.s.Due())
	}
	f.want(wire.StatusOK, txn(s, 3, 3, expire("k", 5)))
	f.want(wire.StatusOK, wire.Command{Op: wire.OpDelete, Session: s, Seq: 4, Floor: 4, Key: "k"})
	if f.s.Timers() != 0 {
		t.Errorf("a deleted variable has a timer")
	}
	// A transaction that fails leaves the TTL as it was.
	f.want(wire.StatusOK, txn(s, 5, 5, putFor("k", "v", 5)))
	f.want(wire.StatusNotInteger, txn(s, 6, 6, put("k", "w"), wire.TxnOp{Kind: wire.TxnAdd, Key: "k"}))
	if f.s.Timers() != 1 {
		t.Errorf("%d timers after a transaction that failed", f.s.Timers())
	}
}

// The TTL that is left is never more than was asked for, nor less than nothing.
func TestTTLLeft(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	ask := wire.TxnOp{Kind: wire.TxnTTL, Key: "k"}
	f.want(wire.StatusOK, txn(s, 1, 1, putFor("k", "v", 10)))
	seq := uint64(1)
	for _, tc := range []struct {
		pass int64
		want int64
	}{{0, 10}, {0, 10}, {1, 10}, {3, 7}, {6, 1}} {
		f.pass(tc.pass)
		seq++
		if got := f.results(txn(s, seq, seq, ask))[0].Number; got != tc.want {
			t.Errorf("after %d ms more %d are left, want %d", tc.pass, got, tc.want)
		}
	}
}

// One tick has so many variables expire, in the order of their deadlines, then their positions,
// then their names; the next has the others expire.
func TestManyExpire(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.s.KeepHistory(64 << 20)
	s := f.open()
	const more, each = 5, 200
	seq := uint64(0)
	for n := 0; n < maxExpiries+more; {
		var ops []wire.TxnOp
		for ; n < maxExpiries+more && len(ops) < each; n++ {
			ops = append(ops, putFor(fmt.Sprintf("k%05d", maxExpiries+more-n), "v", 100))
		}
		seq++
		f.want(wire.StatusOK, txn(s, seq, seq, ops...))
	}
	f.want(wire.StatusOK, txn(s, seq+1, seq+1, putFor("soon", "v", 50), put("stays", "v")))
	f.pass(0)
	first := f.pass(200)
	if f.s.Timers() != more+1 || f.s.Due() != (Due{Timed: true}) {
		t.Fatalf("%d timers, due %+v", f.s.Timers(), f.s.Due())
	}
	cursor, err := f.s.Seek(first - 1)
	if err != nil {
		t.Fatal(err)
	}
	changes, _, _, err := f.s.AppendChanges(nil, cursor, 2*maxExpiries)
	if err != nil || len(changes) != maxExpiries || changes[0].Key != "soon" || changes[1].Key != fmt.Sprintf("k%05d", maxExpiries+more-each+1) {
		t.Fatalf("%v, %d changes, first %+v", err, len(changes), changes[:2])
	}
	for i := range changes {
		if c := &changes[i]; c.Position != first || !c.Deleted || string(c.Old) != "v" || c.Last != (i == len(changes)-1) {
			t.Fatalf("change %d: %+v", i, c)
		}
		if i > 1 && changes[i].OldVersion == changes[i-1].OldVersion && changes[i].Key < changes[i-1].Key {
			t.Fatalf("%s after %s", changes[i].Key, changes[i-1].Key)
		}
	}
	// What is left travels with a snapshot.
	chunks, err := encode(f.s.Snapshot(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := restore(Limits{}, chunks)
	if err != nil {
		t.Fatal(err)
	}
	g := &feeder{t: t, s: restored}
	f.pass(0)
	g.pass(0)
	if f.s.Timers() != 0 || g.s.Timers() != 0 || f.s.Digest() != g.s.Digest() {
		t.Errorf("%d and %d timers, digests %x and %x", f.s.Timers(), g.s.Timers(), f.s.Digest(), g.s.Digest())
	}
	f.holds("stays", "v", first-2)
}

// A snapshot has the timers of its position, whatever becomes of them while it is encoded,
// and what is restored goes on like the store.
func TestTimersInSnapshot(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.s.KeepHistory(1 << 20)
	s := f.open()
	f.want(wire.StatusOK, txn(s, 1, 1, putFor("a", "v", 10), putFor("b", "v", 20), putFor("c", "v", 30), putFor("d", "v", 40)))
	f.pass(5)
	f.want(wire.StatusOK, txn(s, 2, 2, putFor("e", "v", 5), putFor("a", "w", 6)))
	f.pass(0) // a and e start
	f.pass(8) // and expire
	f.want(wire.StatusOK, txn(s, 3, 3, putFor("f", "v", 10)))
	want := f.s.Digest()
	snapshot := f.s.Snapshot()
	snapshot.IncludeHistory()
	f.pass(100)
	f.want(wire.StatusOK, txn(s, 4, 4, putFor("d", "x", 1), put("f", "x")))
	chunks, err := encode(snapshot, 30)
	if err != nil {
		t.Fatal(err)
	}
	r := Restore(Limits{})
	r.KeepHistory(1 << 20)
	for _, c := range chunks {
		if err := r.Chunk(c); err != nil {
			t.Fatal(err)
		}
	}
	restored, err := r.Finish()
	if err != nil || restored.Digest() != want {
		t.Fatalf("digest %x, want %x, %v", restored.Digest(), want, err)
	}
	if chunks[0][1] != formatVariables {
		t.Errorf("format %d", chunks[0][1])
	}
	g := &feeder{t: t, s: restored}
	g.pass(100)
	g.want(wire.StatusOK, txn(s, 4, 4, putFor("d", "x", 1), put("f", "x")))
	if f.s.Digest() != g.s.Digest() || !slices.Equal(expired(f), expired(g)) {
		t.Errorf("digests %x and %x, expiries %q and %q", f.s.Digest(), g.s.Digest(), expired(f), expired(g))
	}
	if diff := cmp.Diff([]string{"e", "a", "b", "c", "d"}, expired(f)); diff != "" {
		t.Errorf("expiries, -want +got:\n%s", diff)
	}
}

// expired names the variables of which the history has that they expired.
func expired(f *feeder) (keys []string) {
	h := &f.s.variables.history
	chunks, end := h.look()
	for n := uint64(0); n < end; n++ {
		if c := h.at(chunks, n); c.version.expired {
			keys = append(keys, c.entry.key)
		}
	}
	return keys
}

// TestRestoreRefusesImpossibleTimers feeds records that no store can have encoded.
func TestRestoreRefusesImpossibleTimers(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.want(wire.StatusOK, txn(f.open(), 1, 1, putFor("k", "v", 10)))
	f.pass(60)
	header := appendHeader(nil, f.s.Snapshot())
	e := newEntry("k")
	variable := appendVariable(nil, "k", e.newVersion([]byte("v"), 1))
	record := func(key string, numbers ...uint64) []byte {
		b := appendBytes([]byte{recordTimer}, key)
		for _, n := range numbers {
			b = binary.AppendUvarint(b, n)
		}
		return b
	}
	for name, tc := range map[string]struct {
		records []byte
		fits    bool
	}{
		"not started":          {record("k", 10, 2, 0), true},
		"just started":         {record("k", 10, 2, 71), true},
		"over":                 {record("k", 10, 2, 1), true},
		"the longest":          {record("k", wire.MaxTTL, 3, 0), true},
		"of no variable":       {record("l", 10, 2, 71), false},
		"without a TTL":        {record("k", 0, 2, 0), false},
		"with an endless TTL":  {record("k", wire.MaxTTL+1, 2, 0), false},
		"of position 0":        {record("k", 10, 0, 0), false},
		"from the future":      {record("k", 10, 4, 0), false},
		"with a late deadline": {record("k", 10, 2, 72), false},
		"twice":                {append(record("k", 10, 2, 0), record("k", 10, 2, 0)...), false},
		"cut":                  {record("k", 10, 2), false},
		"after the history":    {append([]byte{recordKept, 1}, record("k", 10, 2, 0)...), false},
	} {
		r := Restore(Limits{})
		if err := errors.Join(r.Chunk(header), r.Chunk(variable)); err != nil {
			t.Fatal(err)
		}
		if err := r.Chunk(tc.records); tc.fits != (err == nil) || !tc.fits && !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	old := Restore(Limits{})
	named := appendHeader(nil, &Snapshot{store: f.s, position: 3, clock: 60, named: true})
	if err := errors.Join(old.Chunk(named), old.Chunk(variable)); err != nil {
		t.Fatal(err)
	}
	if err := old.Chunk(record("k", 10, 2, 0)); !errors.Is(err, ErrFormat) {
		t.Errorf("in an older format: %v", err)
	}
}

// A tick that meets a damaged timer says so, and goes on.
func TestTickMeetsDamage(t *testing.T) {
	for name, tc := range map[string]struct {
		started bool
		pass    int64
	}{"starting": {}, "expiring": {true, 100}} {
		f := newFeeder(t, Limits{})
		s := f.open()
		f.want(wire.StatusOK, txn(s, 1, 1, putFor("k", "v", 10), putFor("l", "v", 11)))
		if tc.started {
			f.pass(0)
		}
		q := f.s.variables.timers.queue
		r, _ := q.Min()
		q.Delete(r)
		r.ttl ^= 4
		q.Set(r)
		f.pass(tc.pass)
		if !errors.Is(f.out.Notes.Damage, ErrDigest) {
			t.Errorf("%s: damage %v", name, f.out.Notes.Damage)
		}
		f.pass(100)
		if f.out.Notes.Damage != nil {
			t.Errorf("%s: again damage: %v", name, f.out.Notes.Damage)
		}
		if value, _, _ := f.s.Get("l"); value != nil {
			t.Errorf("%s: l is %q", name, value)
		}
	}
}

// Without a variable that has a TTL nothing is due, and writes do not allocate for it.
func TestTimersCostNothing(t *testing.T) {
	f := newFeeder(t, Limits{})
	s := f.open()
	f.want(wire.StatusOK, set(s, 1, 1, "k", "v"))
	if n := testing.AllocsPerRun(100, func() { f.s.Due() }); n != 0 || f.s.Due() != (Due{}) {
		t.Errorf("%v allocations, due %+v", n, f.s.Due())
	}
	if chunks, err := encode(f.s.Snapshot(), 1<<20); err != nil || chunks[0][1] != formatBefore {
		t.Errorf("%v, format %d", err, chunks[0][1])
	}
}
