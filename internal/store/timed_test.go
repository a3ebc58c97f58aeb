package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// openFor opens a session with a TTL of its own.
func (f *feeder) openFor(ttl int64) uint64 {
	f.t.Helper()
	return f.want(wire.StatusOK, wire.Command{Op: wire.OpOpenTimed, Delta: ttl}).Position
}

func ephemeral(key string) wire.TxnOp {
	return wire.TxnOp{Kind: wire.TxnPut, Key: key, Value: []byte("v"), Ephemeral: true}
}

// The time of a session with a TTL of its own begins with the first tick whose sender had
// applied the session's last command.
func TestTimedSession(t *testing.T) {
	f := newFeeder(t, Limits{})
	id := f.openFor(200)
	alive := func(want bool) {
		t.Helper()
		if got := f.s.sessions.byID[id] != nil; got != want {
			t.Fatalf("alive: %v, want %v", got, want)
		}
		if err := f.s.VerifyAll(); err != nil {
			t.Fatal(err)
		}
	}
	f.want(wire.StatusOK, clock(10_000, id-1)) // measured before
	alive(true)
	if due := f.s.Due(); due != (Due{}) {
		t.Errorf("due %+v, while the session is pending", due)
	}
	f.want(wire.StatusOK, clock(10_000, id))
	alive(true)
	if due := f.s.Due(); due != (Due{Timed: true, Left: 201}) {
		t.Errorf("due %+v", due)
	}
	f.pass(200)
	alive(true)
	renewed := f.want(wire.StatusOK, wire.Command{Op: wire.OpRenewSession, Session: id}).Position
	f.want(wire.StatusOK, clock(10_000, renewed-1))
	alive(true)
	f.pass(0)
	f.pass(150)
	write := f.want(wire.StatusOK, set(id, 1, 1, "k", "v")).Position
	f.want(wire.StatusOK, clock(1000, write-1))
	alive(true)
	f.want(wire.StatusOK, clock(1000, write))
	f.pass(200)
	alive(true)
	f.pass(1)
	alive(false)
	f.want(wire.StatusSessionExpired, set(id, 2, 2, "k", "w"))
	if due := f.s.Due(); due != (Due{}) {
		t.Errorf("due %+v, without a session", due)
	}
}

func TestTimedSessionBounds(t *testing.T) {
	f := newFeeder(t, Limits{})
	for _, ttl := range []int64{-1, 0, wire.MinSessionTTL - 1, wire.MaxSessionTTL + 1} {
		f.want(wire.StatusBadRequest, wire.Command{Op: wire.OpOpenTimed, Delta: ttl})
	}
	f.openFor(wire.MinSessionTTL)
	f.openFor(wire.MaxSessionTTL)
}

// Sessions with the TTL of the group and with their own live beside each other.
func TestSessionsOfBothKinds(t *testing.T) {
	f := newFeeder(t, Limits{})
	group, short, long := f.open(), f.openFor(100), f.openFor(90_000)
	f.pass(0)
	f.pass(101)
	for _, tc := range []struct {
		pass  int64
		alive []bool
	}{{0, []bool{true, false, true}}, {59_899, []bool{false, false, true}}, {30_000, []bool{false, false, true}}, {1, []bool{false, false, false}}} {
		f.pass(tc.pass)
		for i, id := range []uint64{group, short, long} {
			if got := f.s.sessions.byID[id] != nil; got != tc.alive[i] {
				t.Errorf("after %d ms more: session %d alive: %v", tc.pass, i, got)
			}
		}
	}
}

// What each write does to the owner of a variable, whose session then ends.
func TestOwners(t *testing.T) {
	op := func(kind wire.TxnKind) wire.TxnOp { return wire.TxnOp{Kind: kind, Key: "k"} }
	keep, own, add := op(wire.TxnPut), op(wire.TxnAppend), op(wire.TxnAdd)
	keep.KeepTTL, own.Ephemeral, add.Ephemeral = true, true, true
	for name, tc := range map[string]struct {
		c     wire.Command // but for its session and sequence
		ops   []wire.TxnOp
		stays bool
	}{
		"nothing":                  {ops: []wire.TxnOp{}},
		"set":                      {c: wire.Command{Op: wire.OpSet}, stays: true},
		"add":                      {c: wire.Command{Op: wire.OpAdd}},
		"put":                      {ops: []wire.TxnOp{op(wire.TxnPut)}, stays: true},
		"put and keep":             {ops: []wire.TxnOp{keep}},
		"put for a time":           {ops: []wire.TxnOp{putFor("k", "v", 100_000)}, stays: true},
		"inc":                      {ops: []wire.TxnOp{op(wire.TxnAdd)}},
		"append":                   {ops: []wire.TxnOp{op(wire.TxnAppend)}},
		"append by another":        {ops: []wire.TxnOp{own}, stays: true},
		"inc by another":           {ops: []wire.TxnOp{add}, stays: true},
		"ephemeral of another":     {ops: []wire.TxnOp{ephemeral("k")}, stays: true},
		"persist":                  {ops: []wire.TxnOp{op(wire.TxnPersist)}},
		"expire":                   {ops: []wire.TxnOp{expire("k", 100_000)}},
		"delete, then put":         {ops: []wire.TxnOp{op(wire.TxnDelete), op(wire.TxnPut)}, stays: true},
		"delete, then put to keep": {ops: []wire.TxnOp{op(wire.TxnDelete), keep}, stays: true},
	} {
		f := newFeeder(t, Limits{})
		owner, other := f.openFor(100), f.openFor(1000)
		first := ephemeral("k")
		first.Value = []byte("5")
		f.want(wire.StatusOK, txn(owner, 1, 1, first))
		if tc.ops != nil {
			tc.c = txn(other, 1, 1, tc.ops...)
		}
		tc.c.Session, tc.c.Seq, tc.c.Floor = other, 1, 1
		if tc.ops == nil {
			tc.c.Key, tc.c.Value = "k", []byte("6")
		}
		f.want(wire.StatusOK, tc.c)
		f.pass(0)
		position := f.pass(101)
		if value, _, _ := f.s.Get("k"); (value != nil) != tc.stays || f.s.sessions.byID[owner] != nil {
			t.Errorf("%s: k is %q at %d", name, value, position)
		}
		if err := f.s.VerifyAll(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f.want(wire.StatusOK, wire.Command{Op: wire.OpCloseSession, Session: other})
	}
}

// Only a session with a TTL of its own can own variables.
func TestOwnerNeedsATTL(t *testing.T) {
	f := newFeeder(t, Limits{})
	r := f.want(wire.StatusBadRequest, txn(f.open(), 1, 1, put("l", "v"), ephemeral("k")))
	if r.Number != 1 || len(f.s.variables.owners.of) != 0 {
		t.Errorf("%+v", r)
	}
	if value, _, _ := f.s.Get("l"); value != nil {
		t.Error("a part of it was done")
	}
}

// A session that is closed takes its variables along, as many as one command may remove; the
// others go with the next ticks. A new session cannot become their owner by its id.
func TestManyOwned(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.s.KeepHistory(64 << 20)
	id, other := f.openFor(1000), f.openFor(1000)
	const more = 5
	seq := uint64(0)
	for n := 0; n < maxOwned+more; {
		var ops []wire.TxnOp
		for ; n < maxOwned+more && len(ops) < wire.MaxTxnOps; n++ {
			ops = append(ops, ephemeral(fmt.Sprintf("k%05d", maxOwned+more-n)))
		}
		seq++
		f.want(wire.StatusOK, txn(id, seq, seq, ops...))
	}
	f.want(wire.StatusOK, txn(other, 1, 1, ephemeral("stays"), putFor("due", "v", 1)))
	f.pass(0)
	closed := f.want(wire.StatusOK, wire.Command{Op: wire.OpCloseSession, Session: id}).Position
	if n := len(f.s.variables.owners.of); n != more+1 || f.s.Due() != (Due{Timed: true}) {
		t.Fatalf("%d variables have owners, due %+v", n, f.s.Due())
	}
	cursor, err := f.s.Seek(closed - 1)
	if err != nil {
		t.Fatal(err)
	}
	changes, _, _, err := f.s.AppendChanges(nil, cursor, 2*maxOwned)
	if err != nil || len(changes) != maxOwned || changes[0].Key != "k00001" || changes[maxOwned-1].Key != fmt.Sprintf("k%05d", maxOwned) {
		t.Fatalf("%v, %d changes", err, len(changes))
	}
	chunks, err := encode(f.s.Snapshot(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := restore(Limits{}, chunks)
	if err != nil || restored.Digest() != f.s.Digest() {
		t.Fatalf("%v", err)
	}
	g := &feeder{t: t, s: restored}
	for _, f := range []*feeder{f, g} {
		f.pass(2)
		if err := f.s.VerifyAll(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(f.s.Due(), Due{Timed: true, Left: 999}); diff != "" || len(f.s.variables.owners.of) != 1 || f.s.Timers() != 0 {
			t.Errorf("%d variables have owners, %d timers, due %s", len(f.s.variables.owners.of), f.s.Timers(), diff)
		}
	}
	if f.s.Digest() != g.s.Digest() {
		t.Error("the restored state goes on otherwise")
	}
}

// Restored pending sessions begin in the order of their last commands, whenever their time
// began before.
func TestPendingInSnapshot(t *testing.T) {
	f := newFeeder(t, Limits{})
	a, b := f.openFor(100), f.openFor(100)
	f.want(wire.StatusOK, clock(50, a)) // the time of a begins
	f.want(wire.StatusOK, clock(10, b)) // and that of b
	renew := func(f *feeder, id uint64) uint64 {
		return f.want(wire.StatusOK, wire.Command{Op: wire.OpRenewSession, Session: id}).Position
	}
	seen := renew(f, b)
	renew(f, a)
	chunks, err := encode(f.s.Snapshot(), 10)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := restore(Limits{}, chunks)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*feeder{f, {t: t, s: restored}} {
		f.want(wire.StatusOK, clock(0, seen))
		f.want(wire.StatusOK, clock(101, seen))
		if f.s.sessions.byID[b] != nil || f.s.sessions.byID[a] == nil {
			t.Errorf("a alive: %v, b alive: %v", f.s.sessions.byID[a] != nil, f.s.sessions.byID[b] != nil)
		}
	}
}

// TestRestoreRefusesImpossibleOwners feeds records that no store can have encoded.
func TestRestoreRefusesImpossibleOwners(t *testing.T) {
	f := newFeeder(t, Limits{})
	group, timed := f.open(), f.openFor(100)
	f.pass(60)
	header := appendHeader(nil, f.s.Snapshot())
	e := newEntry("k")
	variable := appendVariable(nil, "k", e.newVersion([]byte("v"), 1))
	session := func(id, ttl, pending uint64) []byte {
		return appendSession(nil, &session{id: id, renewed: 60, floor: 1, ttl: ttl, pending: pending})
	}
	owner := func(key string, session uint64) []byte {
		return binary.AppendUvarint(appendBytes([]byte{recordOwner}, key), session)
	}
	for name, tc := range map[string]struct {
		records []byte
		fits    bool
	}{
		"a living owner":            {owner("k", timed), true},
		"one that has ended":        {owner("k", 3), true},
		"with the group's TTL":      {owner("k", group), false},
		"of no variable":            {owner("l", timed), false},
		"session 0":                 {owner("k", 0), false},
		"from the future":           {owner("k", 4), false},
		"twice":                     {append(owner("k", timed), owner("k", 3)...), false},
		"cut":                       {owner("k", timed)[:3], false},
		"after the history":         {append([]byte{recordKept, 1}, owner("k", timed)...), false},
		"a pending session":         {session(3, 100, 3), true},
		"a TTL that is too short":   {session(3, wire.MinSessionTTL-1, 0), false},
		"a TTL that is too long":    {session(3, wire.MaxSessionTTL+1, 0), false},
		"pending in the future":     {session(3, 100, 4), false},
		"pending before its birth":  {session(3, 100, 2), false},
		"a TTL of no session":       {append(appendTimed(nil, &session3), owner("k", timed)...), false},
		"two TTLs of one":           {append(appendTimed(nil, &session3), session(3, 100, 0)...), false},
		"an expired one, by a tick": {session(3, 100, 0), true},
	} {
		r := Restore(Limits{})
		if err := errors.Join(r.Chunk(header), r.Chunk(session(group, 0, 0)), r.Chunk(session(timed, 100, 0)), r.Chunk(variable)); err != nil {
			t.Fatal(err)
		}
		if err := r.Chunk(tc.records); tc.fits != (err == nil) || !tc.fits && !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var session3 = session{id: 3, ttl: 100}
