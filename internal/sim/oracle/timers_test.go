package oracle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// timedRun is an order that an oracle follows.
type timedRun struct {
	o        *Oracle
	position uint64
	seq      uint64
	failed   string
	gone     []string
}

func newTimedRun() *timedRun {
	r := &timedRun{}
	r.o = New(Config{
		Fail:       func(format string, args ...any) { r.failed += fmt.Sprintf(format, args...) + "\n" },
		Expired:    func(at uint64, e Expiry) { r.gone = append(r.gone, fmt.Sprint(at, e)) },
		SessionTTL: time.Hour, Tick: time.Minute, Counts: &Counts{}, MaxClientSessions: 1,
	})
	r.next(wire.Command{Op: wire.OpOpenSession}, wire.Result{})
	return r
}

func (r *timedRun) next(c wire.Command, want wire.Result, data ...byte) {
	r.position++
	want.Position = r.position
	if c.Op.IsWrite() {
		r.seq++
		c.Session, c.Seq, c.Floor = 1, r.seq, 1
	}
	r.o.Command(r.position, &c, &want, data)
}

func (r *timedRun) do(op wire.TxnOp, want wire.TxnResult) {
	t := wire.Txn{Then: []wire.TxnOp{op}}
	r.next(wire.Command{Op: wire.OpTxn, Value: t.Append(nil)}, wire.Result{Number: wire.TxnThen}, want.Append(nil)...)
}

func (r *timedRun) tick(delta int64, known uint64) {
	r.next(wire.Command{Op: wire.OpClock, Delta: delta, Expect: known}, wire.Result{})
}

func (r *timedRun) left(key string, millis int64) {
	want := wire.TxnResult{Has: wire.TxnFound | wire.TxnNumber, Number: millis}
	if millis == -2 {
		want = wire.TxnResult{}
	}
	r.do(wire.TxnOp{Kind: wire.TxnTTL, Key: key}, want)
}

// The oracle counts time as documented: from the first tick that knew of a TTL, and a
// millisecond more.
func TestTimers(t *testing.T) {
	r := newTimedRun()
	found := wire.TxnResult{Has: wire.TxnFound}
	r.do(wire.TxnOp{Kind: wire.TxnPut, Key: "b", TTL: 10}, wire.TxnResult{}) // at 2
	r.do(wire.TxnOp{Kind: wire.TxnPut, Key: "a", TTL: 10}, wire.TxnResult{}) // at 3
	r.do(wire.TxnOp{Kind: wire.TxnPut, Key: "c"}, wire.TxnResult{})          // at 4
	r.left("c", wire.NoTTL)
	r.do(wire.TxnOp{Kind: wire.TxnExpire, Key: "c", TTL: 5}, found) // at 6
	r.do(wire.TxnOp{Kind: wire.TxnExpire, Key: "none", TTL: 5}, wire.TxnResult{})
	r.tick(100, 2) // at 8: b starts
	r.tick(3, 6)   // at 9: a and c start
	r.left("b", 8)
	r.left("a", 10)
	r.left("c", 5)
	if got := fmt.Sprint(r.o.Timed()); got != "[{a 10 3 3 10 0} {b 10 2 2 8 0} {c 5 6 4 5 0}]" {
		t.Errorf("%s expire", got)
	}
	r.tick(7, 6) // at 13
	r.left("b", 1)
	r.tick(1, 6) // at 15
	r.left("b", -2)
	r.next(wire.Command{Op: wire.OpTick, Delta: 100}, wire.Result{}) // at 17
	r.left("a", 0)
	r.tick(0, 6) // at 19
	r.left("a", -2)
	want := []string{"13 {c 5 6 4 0 0}", "15 {b 10 2 2 0 0}", "19 {a 10 3 3 0 0}"}
	if slices.Sort(r.gone); !slices.Equal(r.gone, want) || r.failed != "" {
		t.Errorf("%q go, want %q; %s", r.gone, want, r.failed)
	}
	r.next(wire.Command{Op: wire.OpClock, Delta: 1, Expect: r.position + 1}, wire.Result{Status: wire.StatusBadRequest})
	if r.failed != "" {
		t.Error(r.failed)
	}
	r.next(wire.Command{Op: wire.OpClock, Delta: 1, Expect: r.position + 1}, wire.Result{})
	if !strings.Contains(r.failed, "ticks: one at") {
		t.Errorf("%q is found with a tick that knows of itself", r.failed)
	}
	if c := r.o.Counts; c.Clocks != 6 || c.WithTTL != 2 || c.Expires != 2 || c.Asked != 8 || c.Gone != 3 {
		t.Errorf("%+v", *c)
	}
}

// One tick removes what is due in the order of deadlines, positions and names.
func TestOrderOfExpiries(t *testing.T) {
	r := newTimedRun()
	put := func(key string, ttl uint64) wire.TxnOp { return wire.TxnOp{Kind: wire.TxnPut, Key: key, TTL: ttl} }
	txn := wire.Txn{Then: []wire.TxnOp{put("f", 2), put("d", 2), put("e", 2), put("z", 1)}}
	r.next(wire.Command{Op: wire.OpTxn, Value: txn.Append(nil)}, wire.Result{Number: wire.TxnThen}, 0, 0, 0, 0)
	r.do(put("a", 2), wire.TxnResult{})
	r.do(put("b", 2), wire.TxnResult{})
	r.do(put("later", 9), wire.TxnResult{})
	r.tick(0, 5)
	r.tick(3, 5)
	got := ""
	for _, gone := range r.gone {
		got += strings.Fields(gone)[1]
	}
	if got != "{z{d{e{f{a{b" || r.failed != "" {
		t.Errorf("%s go; %s", got, r.failed)
	}
}

// What writes do to a TTL.
func TestWritesAndTTLs(t *testing.T) {
	found := wire.TxnResult{Has: wire.TxnFound}
	eight := wire.TxnResult{Has: wire.TxnFound | wire.TxnNumber, Number: 8}
	two := wire.TxnResult{Has: wire.TxnFound | wire.TxnNumber, Number: 2}
	for _, tc := range []struct {
		op     wire.TxnOp
		result wire.TxnResult
		left   int64
	}{
		{wire.TxnOp{Kind: wire.TxnPut}, found, wire.NoTTL},
		{wire.TxnOp{Kind: wire.TxnPut, KeepTTL: true}, found, 9},
		{wire.TxnOp{Kind: wire.TxnPut, TTL: 50}, found, 50},
		{wire.TxnOp{Kind: wire.TxnPut, TTL: 1}, found, 1},
		{wire.TxnOp{Kind: wire.TxnDelete}, found, -2},
		{wire.TxnOp{Kind: wire.TxnAdd, Delta: 1}, eight, 9},
		{wire.TxnOp{Kind: wire.TxnAdd, Delta: 1, TTL: 50}, eight, 50},
		{wire.TxnOp{Kind: wire.TxnAppend, Value: []byte("8")}, two, 9},
		{wire.TxnOp{Kind: wire.TxnAppend, Value: []byte("8"), TTL: 50}, two, 50},
		{wire.TxnOp{Kind: wire.TxnExpire, TTL: 50}, found, 50},
		{wire.TxnOp{Kind: wire.TxnPersist}, found, wire.NoTTL},
	} {
		r := newTimedRun()
		r.do(wire.TxnOp{Kind: wire.TxnPut, Key: "k", Value: []byte("7"), TTL: 10}, wire.TxnResult{})
		r.tick(0, 2)
		r.tick(2, 2)
		tc.op.Key = "k"
		r.do(tc.op, tc.result)
		if r.left("k", tc.left); r.failed != "" {
			t.Errorf("%+v: %s", tc.op, r.failed)
		}
		want := Counts{Txns: 3, Clocks: 2, WithTTL: 1, Asked: 1}
		switch {
		case tc.op.Kind == wire.TxnExpire:
			want.Expires++
		case tc.op.Kind == wire.TxnPersist:
			want.Persists++
		case tc.op.TTL > 0:
			want.WithTTL++
		case tc.op.KeepTTL:
			want.KeepTTL++
		}
		if *r.o.Counts != want {
			t.Errorf("%+v: %+v", tc.op, *r.o.Counts)
		}
	}
	for op, left := range map[wire.Op]int64{wire.OpSet: wire.NoTTL, wire.OpDelete: -2, wire.OpAdd: 9, wire.OpCompareAndSet: 9} {
		r := newTimedRun()
		r.do(wire.TxnOp{Kind: wire.TxnPut, Key: "k", Value: []byte("7"), TTL: 10}, wire.TxnResult{})
		r.tick(0, 2)
		r.tick(2, 2)
		want := wire.Result{}
		if op == wire.OpAdd {
			want.Number = 8
		}
		r.next(wire.Command{Op: op, Key: "k", Value: []byte("7"), Expect: 2, Delta: 1}, want)
		if r.left("k", left); r.failed != "" {
			t.Errorf("%s: %s", op, r.failed)
		}
	}
}

// An expiry lies between its times, and explains what is read after it.
func TestLinearExpiry(t *testing.T) {
	set := &history.Op{Kind: history.Set, Value: []byte("v"), Position: 5, Version: 5, Status: history.OK, Start: 10, End: 20}
	gone := Gone(&Expiry{Key: "k", Version: 5}, 30, 40)
	other := Gone(&Expiry{Key: "k", Version: 4}, 30, 40)
	read := func(value []byte, start int64) *history.Op {
		h := &history.Op{Kind: history.GetStrong, Value: value, Status: history.OK, Start: start, End: start + 5}
		if value != nil {
			h.Version = 5
		}
		return h
	}
	v := []byte("v")
	for name, tc := range map[string]struct {
		ops  []*history.Op
		want bool
	}{
		"before":  {[]*history.Op{set, gone, read(v, 22)}, true},
		"after":   {[]*history.Op{set, gone, read(nil, 50)}, true},
		"within":  {[]*history.Op{set, gone, read(v, 31), read(nil, 37)}, true},
		"late":    {[]*history.Op{set, gone, read(v, 50)}, false},
		"early":   {[]*history.Op{set, gone, read(nil, 22)}, false},
		"back":    {[]*history.Op{set, gone, read(nil, 31), read(v, 37)}, false},
		"another": {[]*history.Op{set, other}, false},
		"of none": {[]*history.Op{gone}, false},
	} {
		if judged, explained := Linear(tc.ops); !judged || explained != tc.want {
			t.Errorf("%s: %v, %v", name, judged, explained)
		}
	}
}

// An add to what is no number is refused, and changes nothing.
func TestLinearAddToNoNumber(t *testing.T) {
	s := &register{exists: true, value: "x", version: 5}
	for _, tc := range []struct {
		status  history.Status
		because history.Refusal
		want    bool
	}{{history.Fail, history.NotInteger, true}, {history.OK, history.Refused, false}, {history.Unknown, history.Refused, true}} {
		ok, next := linear(&history.Op{Kind: history.Add, Delta: 1, Sum: 1, Position: 6, Status: tc.status, Because: tc.because}, s)
		if ok != tc.want || next != *s {
			t.Errorf("%+v: %v, %+v", tc, ok, next)
		}
	}
}
