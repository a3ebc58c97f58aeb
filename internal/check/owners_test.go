package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// put puts a command of no write into the order, and returns its position.
func (r *txnRun) put(cmd wire.Command, ok bool) uint64 {
	r.after++
	d := &wire.Delivery{View: 1, Sender: "n", Incarnation: 1, Seq: r.after, First: r.after, Count: 1, Payload: cmd.Append(nil), Effects: []byte{0}}
	if ok {
		d.Effects[0] = 1
	}
	r.c.Deliver("n", d)
	return r.after
}

// openFor opens a session with a TTL of its own, whose writes do takes from now on.
func (r *txnRun) openFor(ttl int64) uint64 {
	r.session, r.seq = r.put(wire.Command{Op: wire.OpOpenTimed, Delta: ttl}, true), 0
	return r.session
}

func (r *txnRun) renew(session uint64, ok bool) uint64 {
	return r.put(wire.Command{Op: wire.OpRenewSession, Session: session}, ok)
}

func (r *txnRun) close(session uint64, ok bool) uint64 {
	return r.put(wire.Command{Op: wire.OpCloseSession, Session: session}, ok)
}

// as has the writes to come be those of a session.
func (r *txnRun) as(session, seq uint64) { r.session, r.seq = session, seq }

func owned(key string) wire.TxnOp {
	return wire.TxnOp{Kind: wire.TxnPut, Key: key, Value: []byte("v"), Ephemeral: true}
}

// A session's time begins with the first tick whose sender knew of its last command, whatever
// that was and whatever became of it, and its variables go with it.
func TestOwnersExpire(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(r *txnRun, s uint64)
		gone bool
	}{
		"too soon": {func(r *txnRun, _ uint64) { r.tick(0, r.after, true); r.tick(200, r.after, true) }, false},
		"in time":  {func(r *txnRun, _ uint64) { r.tick(0, r.after, true); r.tick(201, r.after, true) }, true},
		"in two": {func(r *txnRun, _ uint64) {
			r.tick(0, r.after, true)
			r.tick(200, r.after, true)
			r.tick(1, r.after, true)
		}, true},
		"not known": {func(r *txnRun, s uint64) { r.tick(0, s, true); r.tick(500, s, true) }, false},
		"renewed":   {func(r *txnRun, s uint64) { r.tick(0, r.after, true); r.renew(s, true); r.tick(500, s, true) }, false},
		"written": {func(r *txnRun, _ uint64) {
			r.tick(0, r.after, true)
			r.do([]wire.TxnOp{putFor("b", 0)}, absent)
			r.tick(500, 1, true)
		}, false},
		"refused": {func(r *txnRun, _ uint64) {
			r.tick(0, r.after, true)
			r.order(wire.Command{Op: wire.OpSet, Key: "b"}, false)
			r.tick(500, 1, true)
		}, false},
		"another's": {func(r *txnRun, _ uint64) { r.tick(0, r.after, true); r.renew(99, false); r.tick(500, 1, true) }, true},
		"an old tick": {func(r *txnRun, _ uint64) {
			r.tick(0, r.after, true)
			r.put(wire.Command{Op: wire.OpTick, Delta: 500}, true)
		}, false},
		"old, new": {func(r *txnRun, _ uint64) {
			r.tick(0, r.after, true)
			r.put(wire.Command{Op: wire.OpTick, Delta: 500}, true)
			r.tick(0, 1, true)
		}, true},
		"closed":         {func(r *txnRun, s uint64) { r.close(s, true) }, true},
		"another closed": {func(r *txnRun, _ uint64) { r.close(99, true) }, false},
	} {
		r := newTxnRun(Options{})
		s := r.openFor(200)
		set := r.do([]wire.TxnOp{owned("a")}, absent)
		tc.do(r, s)
		r.read("a", r.after-1, "v", set)
		if tc.gone {
			r.read("a", r.after, "", 0)
		} else {
			r.read("a", r.after, "v", set)
		}
		if got := r.readsOnly(); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// readsOnly is what the check of reads has found.
func (r *txnRun) readsOnly() string {
	r.c.EndStream("n")
	for _, result := range r.c.Finish(r.after) {
		if result.Name == "reads" {
			return strings.Join(result.Texts, "\n")
		}
	}
	return "no check of reads"
}

// What each write does to the owner of a variable, which is the session of the run.
func TestWritesAndOwners(t *testing.T) {
	keep := wire.TxnOp{Kind: wire.TxnPut, Key: "a", Value: []byte("7"), KeepTTL: true}
	plain := wire.TxnOp{Kind: wire.TxnPut, Key: "a", Value: []byte("7")}
	remove := wire.TxnOp{Kind: wire.TxnDelete, Key: "a"}
	own := wire.TxnOp{Kind: wire.TxnPut, Key: "a", Value: []byte("7"), Ephemeral: true}
	for name, tc := range map[string]struct {
		ops  []wire.TxnOp
		free bool
	}{
		"nothing":          {[]wire.TxnOp{{Kind: wire.TxnRead, Key: "a"}}, false},
		"put":              {[]wire.TxnOp{plain}, true},
		"put that keeps":   {[]wire.TxnOp{keep}, false},
		"put with TTL":     {[]wire.TxnOp{putFor("a", 1000)}, true},
		"add":              {[]wire.TxnOp{{Kind: wire.TxnAdd, Key: "a", Delta: 1}}, false},
		"append":           {[]wire.TxnOp{{Kind: wire.TxnAppend, Key: "a"}}, false},
		"expire":           {[]wire.TxnOp{{Kind: wire.TxnExpire, Key: "a", TTL: 5000}}, false},
		"persist":          {[]wire.TxnOp{{Kind: wire.TxnPersist, Key: "a"}}, false},
		"delete, keep":     {[]wire.TxnOp{remove, keep}, true},
		"delete, add":      {[]wire.TxnOp{remove, {Kind: wire.TxnAdd, Key: "a", Delta: 7}}, true},
		"put, own":         {[]wire.TxnOp{plain, own}, false},
		"own, put":         {[]wire.TxnOp{own, plain}, true},
		"own, keep":        {[]wire.TxnOp{plain, own, keep}, false},
		"put, add, own":    {[]wire.TxnOp{plain, {Kind: wire.TxnAdd, Key: "a", Delta: 1, Ephemeral: true}}, false},
		"put, append, own": {[]wire.TxnOp{plain, {Kind: wire.TxnAppend, Key: "a", Ephemeral: true}}, false},
		"another":          {[]wire.TxnOp{{Kind: wire.TxnPut, Key: "b"}}, false},
	} {
		r := newTxnRun(Options{})
		s := r.openFor(200)
		r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{own}}), true)
		r.as(1000, 0)
		if strings.Contains(name, "own") {
			r.as(s, 1)
		}
		r.order(txnCommand(&wire.Txn{Then: tc.ops}), true)
		r.close(s, true)
		r.as(1001, 0)
		present := wire.TxnOp{Kind: wire.TxnRead, Key: "a", If: wire.Cond{Kind: wire.CondPresent}}
		if !tc.free {
			present.If = wire.Cond{Kind: wire.CondVersion}
		}
		r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{present}}), true)
		if got := r.readsOnly(); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for op, free := range map[wire.Op]bool{wire.OpSet: true, wire.OpAdd: false, wire.OpCompareAndSet: false} {
		r := newTxnRun(Options{})
		s := r.openFor(200)
		set := r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{own}}), true)
		at := r.order(wire.Command{Op: op, Key: "a", Value: []byte("8"), Expect: set, Delta: 1}, true)
		if end := r.close(s, true); free {
			r.read("a", end, "8", at)
		} else {
			r.read("a", end, "", 0)
		}
		if got := r.readsOnly(); got != "" {
			t.Errorf("%s: %s", op, got)
		}
	}
	r := newTxnRun(Options{}) // a deletion ends what the session owned
	s := r.openFor(200)
	r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{own}}), true)
	r.order(wire.Command{Op: wire.OpDelete, Key: "a"}, true)
	at := r.order(wire.Command{Op: wire.OpAdd, Key: "a", Delta: 8}, true)
	r.read("a", r.close(s, true), "8", at)
	if got := r.readsOnly(); got != "" {
		t.Error(got)
	}
}

// The owner of a variable is the last session that made it its own.
func TestOwnersChange(t *testing.T) {
	for name, first := range map[string]bool{"first": true, "second": false} {
		r := newTxnRun(Options{})
		one := r.openFor(200)
		r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{owned("a")}}), true)
		two := r.openFor(200)
		set := r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{owned("a")}}), true)
		if first {
			r.read("a", r.close(one, true), "v", set)
		} else {
			r.read("a", r.close(two, true), "", 0)
		}
		if got := r.readsOnly(); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A session that has ended takes no more effect, and one that lives is not refused. Only
// those with a TTL of their own own variables.
func TestSessionsEnd(t *testing.T) {
	set := wire.Command{Op: wire.OpSet, Key: "a"}
	own := txnCommand(&wire.Txn{Then: []wire.TxnOp{owned("a")}})
	expire := func(r *txnRun) { r.tick(0, r.after, true); r.tick(201, r.after, true) }
	const ended, lives, noTTL = "took effect, and its session had ended at position 3", "was refused, and its session has not ended", "its session has no TTL of its own"
	for name, tc := range map[string]struct {
		do   func(r *txnRun, s uint64)
		want string
	}{
		"write":           {func(r *txnRun, _ uint64) { expire(r); r.order(set, true) }, ended},
		"refused write":   {func(r *txnRun, _ uint64) { expire(r); r.order(set, false) }, ""},
		"transaction":     {func(r *txnRun, _ uint64) { expire(r); r.order(own, true) }, noTTL},
		"renewal":         {func(r *txnRun, s uint64) { expire(r); r.renew(s, true) }, ended},
		"refused renewal": {func(r *txnRun, s uint64) { expire(r); r.renew(s, false) }, ""},
		"close":           {func(r *txnRun, s uint64) { expire(r); r.close(s, true) }, ended},
		"refused close":   {func(r *txnRun, s uint64) { expire(r); r.close(s, false) }, ""},
		"closed": {func(r *txnRun, s uint64) {
			r.put(wire.Command{Op: wire.OpBarrier}, true)
			r.close(s, true)
			r.order(set, true)
		}, ended},
		"closed, renewal": {func(r *txnRun, s uint64) { r.close(s, true); r.renew(s, false) }, ""},
		"alive":           {func(r *txnRun, s uint64) { r.order(set, true); r.renew(s, true); r.close(s, true) }, ""},
		"alive, renewal":  {func(r *txnRun, s uint64) { r.renew(s, false) }, lives},
		"alive, close":    {func(r *txnRun, s uint64) { r.close(s, false) }, lives},
		"no TTL": {func(r *txnRun, _ uint64) {
			r.as(r.put(wire.Command{Op: wire.OpOpenSession}, true), 0)
			r.order(own, true)
		}, noTTL},
		"too short": {func(r *txnRun, _ uint64) { r.openFor(99) }, "took effect, and could not be done"},
		"short":     {func(r *txnRun, _ uint64) { r.openFor(100) }, ""},
		"long":      {func(r *txnRun, _ uint64) { r.openFor(86_400_000) }, ""},
		"too long":  {func(r *txnRun, _ uint64) { r.openFor(86_400_001) }, "took effect, and could not be done"},
		"not opened": {func(r *txnRun, _ uint64) {
			r.as(r.put(wire.Command{Op: wire.OpOpenTimed, Delta: 200}, false), 0)
			r.order(own, true)
		}, noTTL},
	} {
		r := newTxnRun(Options{})
		tc.do(r, r.openFor(200))
		if got := r.readsOnly(); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// Of a session that was opened before the checks began it is not known whether it has a TTL.
func TestSessionsOfBefore(t *testing.T) {
	for session, want := range map[uint64]string{5: "what it depends on is not known", 6: "its session has no TTL of its own"} {
		r := newTxnRun(Options{Origin: 5})
		r.after = 5
		r.as(session, 0)
		r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{owned("a")}}), true)
		if got := fmt.Sprint(r.c.reads.Finish()); !strings.Contains(got, want) {
			t.Errorf("%d: %q", session, got)
		}
	}
}

// Why an ephemeral was refused is held against the session that it was refused to.
func TestEphemeralRefused(t *testing.T) {
	txn := &wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnAdd, Key: "a", Delta: 1, Ephemeral: true}}}
	for because, want := range map[history.Refusal]string{history.Refused: "", history.NotInteger: "its session has no TTL of its own"} {
		r := newTxnRun(Options{})
		r.order(wire.Command{Op: wire.OpSet, Key: "a", Value: []byte("x")}, true)
		r.c.Complete(&history.Op{Session: 1, Seq: 1, Kind: history.Set, Key: "a", Value: []byte("x"), Status: history.OK, Position: 1, Version: 1, Start: 1, End: 2})
		at := r.order(txnCommand(txn), false)
		r.told(txn, history.Op{Status: history.Fail, Because: because, Position: at})
		if got := r.verdict(); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%v: %q", because, got)
		}
	}
}

// One command removes so many variables whose owners have ended, those of the oldest session
// first, and what is due after them.
func TestOwnersAreBounded(t *testing.T) {
	name := func(i int) string { return fmt.Sprintf("%05d", i) }
	r := newTxnRun(Options{})
	fill := func(from, to int) {
		var txn wire.Txn
		for i := from; i < to; i++ {
			txn.Then = append(txn.Then, owned(name(i)))
			if len(txn.Then) == 500 || i == to-1 {
				r.order(txnCommand(&txn), true)
				txn.Reset()
			}
		}
	}
	one := r.openFor(300)
	fill(20_000, 20_002)
	two := r.openFor(200)
	fill(0, maxOwned-1)
	last := r.after
	r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{putFor("timed", 1)}}), true)
	r.tick(0, r.after, true)
	at := r.tick(1000, r.after, true)
	r.read(name(20_001), at, "", 0)
	r.read(name(maxOwned-3), at, "", 0)
	r.read(name(maxOwned-2), at, "v", last)
	r.read("timed", at, "", 0)
	at = r.close(r.put(wire.Command{Op: wire.OpOpenSession}, true), true)
	r.read(name(maxOwned-2), at, "", 0)
	if len(r.c.reads.owners.of)+len(r.c.reads.owners.owned)+len(r.c.reads.owners.dead) > 0 {
		t.Errorf("%+v is left", r.c.reads.owners)
	}
	if r.c.reads.owners.ended[one] != r.c.reads.owners.ended[two] {
		t.Error("they end at different positions")
	}
	if got := r.readsOnly(); got != "" {
		t.Error(got)
	}
}

// An owner keeps nothing from going at its own time.
func TestOwnedWithTTL(t *testing.T) {
	r := newTxnRun(Options{})
	s := r.openFor(200)
	both := owned("a")
	both.TTL = 10
	set := r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{both}}), true)
	r.tick(0, r.after, true)
	at := r.tick(11, 0, true)
	r.read("a", at-1, "v", set)
	r.read("a", at, "", 0)
	again := r.order(wire.Command{Op: wire.OpAdd, Key: "a", Delta: 1}, true)
	r.read("a", r.close(s, true), "1", again)

	s = r.openFor(200)
	r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "b", TTL: 10, Ephemeral: true}}}), true)
	r.close(s, true)
	r.as(1000, 0)
	again = r.order(wire.Command{Op: wire.OpAdd, Key: "b", Delta: 1}, true)
	r.tick(0, r.after, true)
	r.read("b", r.tick(50, 0, true), "1", again)
	if got := r.readsOnly(); got != "" {
		t.Error(got)
	}
}

// In a group with others, their sessions own their variables.
func TestOwnersAmongOthers(t *testing.T) {
	r := newTxnRun(Options{Shared: true, Prefix: "p/"})
	other := r.openFor(200)
	r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{owned("x")}}), true)
	ours := r.openFor(200)
	set := r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{owned("p/a")}}), true)
	r.read("p/a", r.close(other, true), "v", set)
	r.read("p/a", r.close(ours, true), "", 0)
	if got := r.readsOnly(); got != "" || len(r.c.reads.owners.of) > 0 {
		t.Errorf("%s, %v", got, r.c.reads.owners.of)
	}
}

// Variables that go with their owner are events of an expiry, in the order of their names, at
// the position where the owner ends.
func TestWatchOwned(t *testing.T) {
	for name, tc := range map[string]struct {
		kind wire.EventKind
		keys string
		want string
	}{
		"as they are":  {wire.EventExpire, "abc", ""},
		"as deletions": {wire.EventDelete, "abc", "which is an expiry at position 3"},
		"turned":       {wire.EventExpire, "bac", `next is that of "a"`},
		"left out":     {wire.EventExpire, "ab", `lacks that of "c"`},
	} {
		r := newTxnRun(Options{Watches: true})
		s := r.openFor(200)
		r.order(txnCommand(&wire.Txn{Then: []wire.TxnOp{owned("b"), owned("c"), owned("a")}}), true)
		w := r.c.Watch("the watch", "", "", true, 2)
		at := r.close(s, true)
		for i, key := range tc.keys {
			w.Event(&wire.Event{Kind: tc.kind, Position: at, Key: string(key), OldVersion: 2, Old: []byte("v"), Last: i == 2})
		}
		w.Event(&wire.Event{Kind: wire.EventProgress, Position: at, Last: true})
		if got := strings.Join(r.c.watches.Finish().Texts, "\n"); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
