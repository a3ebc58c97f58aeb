package workload

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// tenants is a run of the workload, in steps.
type tenants struct {
	*expiries
	position uint64
}

func newTenants(atOnce bool) *tenants { return &tenants{expiries: newExpiries(atOnce)} }

const ms = int64(time.Millisecond)

// txn has a transaction that gives variables a TTL of 10 ms ordered.
func (x *tenants) txn(keys ...string) (position uint64, encoded []byte) {
	var t wire.Txn
	for _, key := range keys {
		t.Then = append(t.Then, wire.TxnOp{Kind: wire.TxnExpire, Key: key, TTL: 10})
	}
	x.position++
	encoded = t.Append(nil)
	x.Order(&check.Entry{Position: x.position, Command: wire.Command{Op: wire.OpTxn, Value: encoded}, OK: true})
	return x.position, encoded
}

// tick has time pass in the order.
func (x *tenants) tick() uint64 {
	x.position++
	x.Order(&check.Entry{Position: x.position, Command: wire.Command{Op: wire.OpClock}, OK: true})
	return x.position
}

// complete ends the call of a transaction that began at a time.
func (x *tenants) complete(position uint64, encoded []byte, start int64) {
	x.Complete(&history.Op{Kind: history.Txn, Status: history.OK, Position: position, Value: encoded, Start: start * ms})
}

// expired has a watch return an expiry.
func (x *tenants) expired(key string, position uint64, at int64) {
	x.Expired(&Expiry{Key: key, Position: position, At: at * ms})
}

// wantResult holds what is found at the end against violations and what could not be checked.
func (x *tenants) wantResult(t *testing.T, violations, unchecked uint64, text string) {
	t.Helper()
	r := x.Finish()
	if r.Violations != violations || r.Unchecked != unchecked || !strings.Contains(strings.Join(r.Texts, "\n"), text) {
		t.Errorf("%+v, want %d violations, %d unchecked, %q", r, violations, unchecked, text)
	}
	if violations+unchecked == 0 && len(x.begun)+len(x.lives)+len(x.early) > 0 {
		t.Errorf("%v, %v, %v are kept", x.begun, x.lives, x.early)
	}
}

// The call, the order and the watch come in any sequence.
func TestExpiriesInAnySequence(t *testing.T) {
	for _, sequence := range [][]string{
		{"order", "call", "tick", "watch"},
		{"order", "tick", "call", "watch"},
		{"order", "tick", "watch", "call"},
		{"call", "order", "tick", "watch"},
		{"watch", "call", "order", "tick"},
		{"watch", "order", "tick", "call"},
	} {
		for late, early := range map[int64]uint64{-1: 1, 0: 0, 5: 0} {
			x := newTenants(false)
			encoded := (&wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "a", TTL: 10}}}).Append(nil)
			for _, step := range sequence {
				switch step {
				case "order":
					x.txn("a")
				case "tick":
					x.tick()
				case "call":
					x.complete(1, encoded, 100)
				case "watch":
					x.expired("a", 2, 110+late)
				}
			}
			if n := x.Alive(); n != 0 {
				t.Errorf("%q: %d are alive", sequence, n)
			}
			x.wantResult(t, early, 0, "")
			if early == 0 && (x.late.TotalCount() != 1 || x.late.Max() < late*ms || x.late.Max() > late*ms*101/100+1) || early == 1 && x.tooSoon != 1 {
				t.Errorf("%q: late by %d, want %d ms; %d early", sequence, x.late.Max(), late, x.tooSoon)
			}
		}
	}
}

func TestExpiriesThatMustNotBe(t *testing.T) {
	x := newTenants(false)
	at, encoded := x.txn("a")
	x.complete(at, encoded, 0)
	x.expired("a", x.tick(), 9)
	x.wantResult(t, 1, 0, `"a" has expired 1.00 ms before the 10 ms of its TTL were over`)

	for name, spoil := range map[string]func(x *tenants, at uint64){
		"twice":         func(x *tenants, _ uint64) { x.expired("a", x.tick(), 20); x.expired("a", x.tick(), 21) },
		"another":       func(x *tenants, _ uint64) { x.expired("b", x.tick(), 20); x.expired("a", x.tick(), 20) },
		"before it was": func(x *tenants, at uint64) { x.expired("a", at, 20); x.expired("a", x.tick(), 20) },
	} {
		x := newTenants(false)
		at, encoded := x.txn("a")
		x.complete(at, encoded, 0)
		spoil(x, at)
		if r := x.Finish(); r.Violations != 1 || !strings.Contains(r.Texts[0], "and nothing had given it a TTL") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// A variable may be set again before the watch has returned that it had expired.
func TestExpiriesOfAVariable(t *testing.T) {
	x := newTenants(false)
	first, encoded := x.txn("a", "b")
	end := x.tick()
	second, _ := x.txn("a")
	x.complete(first, encoded, 0)
	x.complete(second, encoded, 100)
	if n := x.Alive(); n != 3 {
		t.Errorf("%d are alive", n)
	}
	x.expired("a", end, 10)
	x.expired("b", end, 11)
	x.expired("a", x.tick(), 109)
	x.wantResult(t, 1, 0, `"a" has expired 1.00 ms before`)
	if x.late.TotalCount() != 2 || x.result.Events != 3 {
		t.Errorf("%d are late, %d events", x.late.TotalCount(), x.result.Events)
	}
}

// What has no effect gives no TTL, and a call of which nobody knows the outcome has no time.
func TestExpiriesUnknown(t *testing.T) {
	x := newTenants(false)
	x.position++
	encoded := (&wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "a", TTL: 10}, {Kind: wire.TxnPut, Key: "stays"}}}).Append(nil)
	refused := wire.Command{Op: wire.OpTxn, Value: encoded}
	x.Order(&check.Entry{Position: x.position, Command: refused})
	x.Complete(&history.Op{Kind: history.Txn, Status: history.Fail, Because: history.Conflict, Position: x.position, Value: encoded, Start: 1 << 40})
	if len(x.begun) != 0 || x.Alive() != 0 {
		t.Errorf("%v", x.begun)
	}
	x.position++
	x.Order(&check.Entry{Position: x.position, Command: refused, OK: true})
	x.Complete(&history.Op{Kind: history.Txn, Status: history.Unknown, Value: encoded, Start: 1 << 40})
	if x.Alive() != 1 {
		t.Errorf("%d are alive", x.Alive())
	}
	x.expired("a", x.tick(), 1)
	if r := x.Finish(); !r.Pass() || x.late.TotalCount() != 0 || x.Note() != "" {
		t.Errorf("%+v", r)
	}
}

// What has not expired when the run ends could not be checked, and nodes must not hold what has.
func TestExpiriesAtTheEnd(t *testing.T) {
	x := newTenants(false)
	at, encoded := x.txn("p/ttl/1", "p/ttl/2")
	x.complete(at, encoded, 0)
	x.expired("p/ttl/1", x.tick(), 20)
	x.Replica(&Replica{Node: "n1", Position: 9, Items: []history.Item{{Key: "p/ttl/2"}, {Key: "p/write/1"}}})
	x.wantResult(t, 0, 1, "1 variable had not expired when the run ended")

	x.Replica(&Replica{Node: "n2", Position: 9, Items: []history.Item{{Key: "p/ttl/1"}, {Key: "p/ttl/1"}}})
	x.Replica(&Replica{Node: "n3", Position: 8, Items: []history.Item{{Key: "p/ttl/1"}}})
	x.wantResult(t, 2, 2, `n2 still has "p/ttl/1" at position 9, which has expired`)
}

// The writes beside many expiries are measured before and while these happen.
func TestWritesBesideExpiries(t *testing.T) {
	x := newTenants(true)
	write := func(start, end int64) {
		x.Complete(&history.Op{Kind: history.Set, Status: history.OK, Start: start * ms, End: end * ms})
	}
	write(0, 1) // preload
	at, encoded := x.txn("a")
	x.complete(at, encoded, 0)
	write(1, 3)
	at, encoded = x.txn("b")
	x.complete(at, encoded, 5) // there was more to give
	if x.before.TotalCount() != 0 {
		t.Error("writes count before all have their TTL")
	}
	write(6, 8)
	x.Complete(&history.Op{Kind: history.Get, Status: history.OK, Start: 6 * ms, End: 9 * ms})
	x.Complete(&history.Op{Kind: history.Set, Status: history.Unknown, Start: 6 * ms, End: 9 * ms})
	write(10, 15) // the first is due at 15
	x.expired("a", x.tick(), 20)
	write(21, 27)
	x.expired("b", x.tick(), 30)
	write(30, 36)
	write(31, 40)
	if got := []int64{x.before.TotalCount(), x.during.TotalCount()}; !slices.Equal(got, []int64{1, 3}) {
		t.Errorf("%v writes, want 1 before and 3 while they expired", got)
	}
	const want = "ttl: 2 variables expired, 0 early; late by p50 10.0 ms, p99 15.0 ms, max 15.0 ms, counted from the call that set them; writes p99 2.00 ms before and 6.00 ms while they expired, 3.0 times as much"
	if note := x.Note(); note != want {
		t.Errorf("%s\nwant %s", note, want)
	}
	steady := newTenants(false)
	at, encoded = steady.txn("a")
	steady.complete(at, encoded, 0)
	steady.Complete(&history.Op{Kind: history.Set, Status: history.OK, Start: 11 * ms, End: 12 * ms})
	if steady.before.TotalCount()+steady.during.TotalCount() != 0 {
		t.Error("writes are measured without --at-once")
	}
}

// decoded is the transaction that a request has.
func decoded(t *testing.T, r *load.Request) wire.Txn {
	t.Helper()
	var txn wire.Txn
	if r.Kind != history.Txn || txn.Decode(r.Value) != nil {
		t.Fatalf("%+v is no transaction", r)
	}
	return txn
}

// Clients take variables that do not exist.
func TestTenant(t *testing.T) {
	w := load.Workload{Keys: 3, ValueBytes: 10, TTL: 2500 * time.Microsecond, Seed: 1}
	k, invariant := startTTL(&w, "p/")
	c := k.Choose(k, 0)
	if _, prepares := c.(load.Preparer); prepares || len(k.Counters) > 0 || invariant.(*expiries).atOnce {
		t.Error("this is for --at-once")
	}
	seen := map[string]bool{}
	for i := range 50 {
		var r load.Request
		if i < 3 {
			c.Preload(&r, i)
		} else {
			c.Next(&r)
		}
		txn := decoded(t, &r)
		o := txn.Then[0]
		if len(txn.Then) != 1 || len(txn.If)+len(txn.Else) > 0 || o.Kind != wire.TxnPut || o.TTL != 3 || len(o.Value) != 10 ||
			o.If.Kind != wire.CondVersion || o.If.Version != 0 || i < 3 && o.Key != "p/ttl/0000000"+string(rune('0'+i)) || seen[string(o.Value)] {
			t.Fatalf("%+v", txn)
		}
		seen[o.Key], seen[string(o.Value)] = true, true
	}
	if len(seen) != 53 {
		t.Errorf("%d keys", len(seen)-50)
	}
}

// Clients share the work of giving all variables what is left until one deadline.
func TestDeadline(t *testing.T) {
	now := 7 * ms
	k, _ := startTTL(&load.Workload{Keys: 2500, ValueBytes: 10, TTL: 50 * time.Millisecond, AtOnce: true, Seed: 1}, "p/")
	d := &deadline{keys: k, now: func() int64 { now += 20 * ms; return now }}
	clients := []*bystander{{client: newClient(k, 0), due: d, values: load.NewValues(k, 0)}, {client: newClient(k, 1), due: d}}
	var keys []string
	for i, want := range []struct {
		ops int
		ttl uint64
	}{{1000, 50}, {1000, 30}, {500, 10}} {
		var r load.Request
		if !clients[i%2].Prepare(&r) {
			t.Fatal("it is over")
		}
		txn := decoded(t, &r)
		if len(txn.Then) != want.ops || txn.Then[0].TTL != want.ttl || txn.Then[0].Kind != wire.TxnExpire {
			t.Errorf("%d operations, the first %+v", len(txn.Then), txn.Then[0])
		}
		for _, o := range txn.Then {
			keys = append(keys, strings.Clone(o.Key))
		}
	}
	if !slices.Equal(keys, k.Plain) {
		t.Error("not each has its TTL")
	}
	var r load.Request
	if clients[0].Prepare(&r) || clients[1].Prepare(&r) {
		t.Error("it is never over")
	}
	clients[0].Preload(&r, 7)
	if r.Kind != history.Set || r.Key != k.Plain[7] || len(r.Value) != 10 {
		t.Errorf("%+v", r)
	}
	for range 100 {
		if clients[0].Next(&r); r.Kind != history.Set || !strings.HasPrefix(r.Key, "p/write/") || !slices.Contains(k.Counters, r.Key) {
			t.Fatalf("%+v", r)
		}
	}
	// Whoever comes too late gives the least.
	late := &deadline{keys: k, now: func() int64 { now += 60 * ms; return now }}
	late.next(&r)
	late.next(&r)
	if txn := decoded(t, &r); txn.Then[0].TTL != 1 {
		t.Errorf("%+v", txn.Then[0])
	}
	if p, ok := k.Choose(k, 0).(load.Preparer); !ok || !p.Prepare(&r) || decoded(t, &r).Then[0].TTL != 50 || len(k.Counters) != 1000 {
		t.Errorf("%+v", r)
	}
}

// A watch that has lagged has missed expiries, which end no later than what exists then says.
func TestExpiriesMissed(t *testing.T) {
	x := newTenants(false)
	first, encoded := x.txn("gone", "again", "alive")
	x.complete(first, encoded, 0)
	x.tick()
	second, encoded := x.txn("again") // where the watch begins again
	third, encoded3 := x.txn("gone")
	x.Expired(&Expiry{Position: second, At: 99 * ms, Exist: map[string]bool{"again": true, "alive": true}})
	if x.Alive() != 3 || x.missed != 2 {
		t.Errorf("%d are alive, %d missed", x.Alive(), x.missed)
	}
	x.complete(second, encoded, 10)
	x.complete(third, encoded3, 20)
	end := x.tick()
	x.expired("alive", end, 30)
	x.expired("again", end, 30)
	x.expired("gone", end, 30)
	x.wantResult(t, 0, 0, "")
	if note := x.Note(); !strings.Contains(note, "; 2 more were not timed, since the watch lagged") || x.late.TotalCount() != 3 {
		t.Error(note)
	}
}
