package oracle

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// ownedRun is an order with sessions that have a TTL of their own.
type ownedRun struct {
	*timedRun
	ended []string
	seqs  map[uint64]uint64
}

func newOwnedRun() *ownedRun {
	r := &ownedRun{timedRun: newTimedRun(), seqs: make(map[uint64]uint64)}
	r.o.Ended = func(at uint64, e End) { r.ended = append(r.ended, fmt.Sprint(at, e)) }
	return r
}

// open opens a session and returns its id.
func (r *ownedRun) open(ttl int64) uint64 {
	r.next(wire.Command{Op: wire.OpOpenTimed, Delta: ttl}, wire.Result{})
	return r.position
}

// of orders a command of a session.
func (r *ownedRun) of(session uint64, c wire.Command, want wire.Result, data ...byte) {
	r.position++
	want.Position, c.Session = r.position, session
	if c.Op.IsWrite() {
		r.seqs[session]++
		c.Seq, c.Floor = r.seqs[session], 1
	}
	r.o.Command(r.position, &c, &want, data)
}

// own has a session put variables, each by a transaction.
func (r *ownedRun) own(session uint64, keys ...string) {
	for _, key := range keys {
		r.txn(session, wire.TxnOp{Kind: wire.TxnPut, Key: key, Value: []byte("7"), Ephemeral: true})
	}
}

func (r *ownedRun) txn(session uint64, op wire.TxnOp) {
	want := wire.TxnResult{}
	if v, exists := r.o.memory.values[op.Key]; exists {
		want.Has = wire.TxnFound
		if op.Kind == wire.TxnAdd {
			want.Has, want.Number = want.Has|wire.TxnNumber, int64(len(v.text))+7
		}
	}
	t := wire.Txn{Then: []wire.TxnOp{op}}
	r.of(session, wire.Command{Op: wire.OpTxn, Value: t.Append(nil)}, wire.Result{Number: wire.TxnThen}, want.Append(nil)...)
}

func (r *ownedRun) has(t *testing.T, what string, gone ...string) {
	t.Helper()
	if r.failed != "" || !slices.Equal(r.gone, gone) {
		t.Errorf("%s: %q go, want %q; %s", what, r.gone, gone, r.failed)
	}
}

// A session's time begins with the first tick that knew of its last command, and its variables
// go with it, in the order of their names, the first session's first.
func TestOwners(t *testing.T) {
	r := newOwnedRun()
	low, high := r.open(200), r.open(100) // 2, 3
	r.own(high, "a", "d")                 // 4, 5
	r.own(low, "c", "b")                  // 6, 7
	r.tick(50, 5)                         // 8: that of high begins
	r.tick(100, 7)                        // 9: that of low begins
	r.of(high, wire.Command{Op: wire.OpRenewSession}, wire.Result{})
	r.tick(200, 9) // 11
	r.tick(0, 10)  // 12: that of high begins again
	r.has(t, "in time")
	r.tick(101, 10) // 13
	r.has(t, "at last", "13 {b 0 0 7 0 2}", "13 {c 0 0 6 0 2}", "13 {a 0 0 4 0 3}", "13 {d 0 0 5 0 3}")
	if want := []string{"13 {2 200 7}", "13 {3 100 10}"}; !slices.Equal(r.ended, want) {
		t.Errorf("%q end, want %q", r.ended, want)
	}
	r.of(high, wire.Command{Op: wire.OpRenewSession}, wire.Result{Status: wire.StatusSessionExpired})
	r.of(high, wire.Command{Op: wire.OpSet, Key: "a"}, wire.Result{Status: wire.StatusSessionExpired})
	if c := r.o.Counts; r.failed != "" || c.TimedOpened != 2 || c.TimedExpired != 2 || c.TimedClosed != 0 || c.Ephemerals != 4 || c.GoneOwned != 4 || c.Gone != 0 {
		t.Errorf("%s %+v", r.failed, *c)
	}
}

// Of an order whose beginning is not known, the sessions that it opens expire all the same, and a
// copy of a write that comes later is refused.
func TestSessionsOfPartialOrder(t *testing.T) {
	r := newOwnedRun()
	r.o.Partial = true
	id := r.open(200)
	write := func(want wire.Result) {
		r.position++
		c := wire.Command{Op: wire.OpSet, Session: id, Seq: 1, Floor: 1, Key: "a", Value: []byte("v")}
		r.o.Command(r.position, &c, &want, nil)
	}
	first := r.position + 1
	write(wire.Result{Position: first})
	r.tick(0, first)
	write(wire.Result{Position: first})
	r.tick(0, r.position)
	r.tick(201, r.position)
	write(wire.Result{Position: r.position + 1, Status: wire.StatusSessionExpired})
	if c := r.o.Counts; r.failed != "" || c.TimedExpired != 1 || c.Repeats != 1 {
		t.Errorf("%s %+v", r.failed, *c)
	}
}

// One command removes so many variables, and the next ones the others.
func TestOwnersAreBounded(t *testing.T) {
	r := newOwnedRun()
	id := r.open(200)
	for i := range mostOwned + 1 {
		key := fmt.Sprintf("%05d", i)
		r.o.memory.values[key], r.o.memory.owners[key] = value{version: 2}, id
	}
	r.o.Expired = nil
	for i := range mostExpiries + 1 {
		key := fmt.Sprintf("timed%05d", i)
		r.o.memory.timers[key], r.o.memory.values[key] = timer{started: true}, value{version: 2}
	}
	left := func(want int) {
		t.Helper()
		if got := len(r.o.memory.values); got != want || r.failed != "" {
			t.Errorf("%d variables are left, want %d; %s", got, want, r.failed)
		}
	}
	r.of(id, wire.Command{Op: wire.OpCloseSession}, wire.Result{})
	left(2 + mostExpiries)
	if r.o.memory.owners["10000"] != id {
		t.Error("the last by its name is not the one that is left")
	}
	r.tick(0, 0)
	left(1)
	r.tick(0, 0)
	left(0)
	if c := r.o.Counts; c.TimedClosed != 1 || c.Gone != mostExpiries+1 {
		t.Errorf("%+v", *c)
	}
}

// What each write does to the owner of a.
func TestWritesAndOwners(t *testing.T) {
	put := wire.TxnOp{Kind: wire.TxnPut, Key: "a", Value: []byte("7")}
	keep := put
	keep.KeepTTL = true
	for name, tc := range map[string]struct {
		do   func(r *ownedRun, id uint64)
		free bool
	}{
		"nothing":     {func(*ownedRun, uint64) {}, false},
		"put":         {func(r *ownedRun, id uint64) { r.txn(id, put) }, true},
		"keep":        {func(r *ownedRun, _ uint64) { r.txn(1, keep) }, false},
		"add":         {func(r *ownedRun, _ uint64) { r.txn(1, wire.TxnOp{Kind: wire.TxnAdd, Key: "a", Delta: 1}) }, false},
		"delete, add": {func(r *ownedRun, id uint64) { r.txn(id, wire.TxnOp{Kind: wire.TxnDelete, Key: "a"}); r.txn(id, keep) }, true},
		"set":         {func(r *ownedRun, id uint64) { r.of(id, wire.Command{Op: wire.OpSet, Key: "a"}, wire.Result{}) }, true},
		"plain add": {func(r *ownedRun, id uint64) {
			r.of(id, wire.Command{Op: wire.OpAdd, Key: "a", Delta: 1}, wire.Result{Number: 8})
		}, false},
		"plain delete": {func(r *ownedRun, id uint64) {
			r.of(id, wire.Command{Op: wire.OpDelete, Key: "a"}, wire.Result{})
			r.of(id, wire.Command{Op: wire.OpAdd, Key: "a", Delta: 1}, wire.Result{Number: 1})
		}, true},
		"another's": {func(r *ownedRun, _ uint64) { r.own(r.open(200), "a") }, true},
	} {
		r := newOwnedRun()
		id := r.open(200)
		r.own(id, "a")
		tc.do(r, id)
		r.of(id, wire.Command{Op: wire.OpCloseSession}, wire.Result{})
		if _, exists := r.o.memory.values["a"]; exists != tc.free || r.failed != "" {
			t.Errorf("%s: %v; %s", name, exists, r.failed)
		}
	}
}

// What sessions with a TTL of their own may not do, and only they may.
func TestOwnersAreRefused(t *testing.T) {
	own := wire.Command{Op: wire.OpTxn, Value: (&wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "a", Ephemeral: true}}}).Append(nil)}
	bad := wire.Result{Status: wire.StatusBadRequest}
	for name, tc := range map[string]struct {
		do   func(r *ownedRun)
		want string
	}{
		"short":         {func(r *ownedRun) { r.open(99) }, "sessions: "},
		"short refused": {func(r *ownedRun) { r.next(wire.Command{Op: wire.OpOpenTimed, Delta: 99}, bad) }, ""},
		"shortest":      {func(r *ownedRun) { r.open(100) }, ""},
		"longest":       {func(r *ownedRun) { r.open(86_400_000) }, ""},
		"long":          {func(r *ownedRun) { r.open(86_400_001) }, "sessions: "},
		"no TTL":        {func(r *ownedRun) { r.of(1, own, wire.Result{Number: wire.TxnThen}, 0) }, "results: "},
		"refused":       {func(r *ownedRun) { r.of(1, own, bad) }, ""},
		"bad request":   {func(r *ownedRun) { r.of(r.open(100), own, bad) }, "results: the transaction"},
		"refused, then": {func(r *ownedRun) {
			r.of(1, own, bad)
			r.of(1, wire.Command{Op: wire.OpSet, Key: "a", Prev: 1}, wire.Result{})
		}, ""},
		"expired": {func(r *ownedRun) {
			id := r.open(100)
			r.tick(0, id)
			r.tick(101, id)
			r.of(id, own, wire.Result{Number: wire.TxnThen}, 0)
		}, "sessions: "},
		"too soon": {func(r *ownedRun) {
			id := r.open(100)
			r.tick(0, id)
			r.tick(100, id)
			r.of(id, wire.Command{Op: wire.OpRenewSession}, wire.Result{Status: wire.StatusSessionExpired})
		}, "sessions: "},
	} {
		r := newOwnedRun()
		if tc.do(r); (r.failed == "") != (tc.want == "") || !strings.HasPrefix(r.failed, tc.want) {
			t.Errorf("%s: %q", name, r.failed)
		}
	}
}
