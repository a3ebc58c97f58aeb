package workload

import (
	"fmt"
	"strconv"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// What a bank is.
const (
	accounts       = 1000 // by default
	mostAccounts   = 4000 // which one page of a scan shows, so that no scan comes too late
	initialBalance = 1000
	maxTransfer    = 100
	bankScans      = 0.04 // of what clients begin
	bankCounts     = 0.01
)

func bankDefaults(w *load.Workload) { w.Keys, w.Writes = accounts, 0.3 }

func validateBank(w *load.Workload) error { return program.CheckInt("keys", w.Keys, 2, mostAccounts) }

// startBank names the accounts.
func startBank(w *load.Workload, prefix string) (*load.Keyspace, Invariant) {
	k := named(w, prefix, func(i int) string { return "account/" + digits(i, 6) })
	k.Choose = func(k *load.Keyspace, id int) load.Chooser { return &teller{client: newClient(k, id)} }
	return k, newBank(w.Keys)
}

// teller is a client of the bank. It reads both accounts of a transfer and commits if neither
// has changed, or begins again; without enough money it gives up.
type teller struct {
	client
	doing    bankStep
	from, to account
	amount   int64
}

type account struct {
	key     string
	balance int64
	version uint64
}

type bankStep uint8

const (
	bankNothing bankStep = iota
	bankReadFrom
	bankReadTo
	bankCommit
)

// Preload fills r with the opening of an account.
func (t *teller) Preload(r *load.Request, key int) {
	*r = load.Request{Kind: history.Set, Key: t.keys.Plain[key], Value: strconv.AppendInt(nil, initialBalance, 10)}
}

// Next fills r with the next step of a transfer, or a look at all accounts.
func (t *teller) Next(r *load.Request) {
	if t.doing == bankNothing && !t.begin(r) {
		return
	}
	switch t.doing {
	case bankReadFrom:
		*r = load.Request{Kind: history.Get, Key: t.from.key}
	case bankReadTo:
		*r = load.Request{Kind: history.Get, Key: t.to.key}
	case bankCommit:
		load.TxnRequest(r, t.transfer())
	}
}

// transfer moves the money if neither account has changed. Half of them have a condition on
// each operation: if that of the second does not hold, the first must be undone.
func (t *teller) transfer() *wire.Txn {
	out, in := t.from.inc(-t.amount), t.to.inc(t.amount)
	if t.amount%2 == 0 {
		out.If, in.If = wire.Cond{Kind: wire.CondVersion, Version: t.from.version}, wire.Cond{Kind: wire.CondVersion, Version: t.to.version}
		return &wire.Txn{Then: []wire.TxnOp{out, in}}
	}
	return &wire.Txn{If: []wire.Cond{t.from.unchanged(), t.to.unchanged()}, Then: []wire.TxnOp{out, in}}
}

// begin begins something. It reports false if that is a look at all accounts.
func (t *teller) begin(r *load.Request) bool {
	all := t.keys.Prefix + "account/"
	switch u := t.random.Float64(); {
	case u < bankScans:
		readRange(r, all, history.Scan{To: endOf(all)})
		return false
	case u < bankScans+bankCounts:
		countRange(r, all, endOf(all))
		return false
	}
	n := len(t.keys.Plain)
	from := t.random.IntN(n)
	to := (from + 1 + t.random.IntN(n-1)) % n // another one
	t.from, t.to = account{key: t.keys.Plain[from]}, account{key: t.keys.Plain[to]}
	t.amount = 1 + t.random.Int64N(maxTransfer)
	t.doing = bankReadFrom
	return true
}

// Learn takes the answer to a step.
func (t *teller) Learn(r *load.Request, a *load.Answer) {
	switch {
	case t.doing == bankReadFrom:
		if t.from.learn(a) && t.from.balance >= t.amount {
			t.doing = bankReadTo
			return
		}
	case t.doing == bankReadTo:
		if t.to.learn(a) {
			t.doing = bankCommit
			return
		}
	case t.doing == bankCommit && a.Conflicts(r):
		t.doing = bankReadFrom // somebody was faster
		return
	}
	t.doing = bankNothing
}

// learn takes what was read of the account, and reports whether there was a balance.
func (c *account) learn(a *load.Answer) (ok bool) {
	if a.Status != history.OK {
		return false
	}
	c.version = a.Version
	c.balance, ok = number(a.Value)
	return ok
}

func (c *account) unchanged() wire.Cond {
	return wire.Cond{Kind: wire.CondVersion, Key: c.key, Version: c.version}
}

func (c *account) inc(delta int64) wire.TxnOp {
	return wire.TxnOp{Kind: wire.TxnAdd, Key: c.key, Delta: delta}
}

// bank is the invariant: money is neither made nor lost.
type bank struct {
	tally
	accounts  int
	opened    uint64 // position from which on all accounts are there
	transfers uint64
}

func newBank(accounts int) *bank {
	return &bank{tally: tally{result: check.Result{Name: "bank", Kept: "nothing"}}, accounts: accounts}
}

// sum is what all accounts have together.
func (b *bank) sum() int64 { return int64(b.accounts) * initialBalance }

// Complete takes an operation. Before all accounts are open, their sum is smaller.
func (b *bank) Complete(o *history.Op) {
	switch {
	case o.Kind == history.Set:
		b.opened = max(b.opened, o.Position)
	case o.Kind == history.Txn && o.Status == history.OK && o.Sum == wire.TxnThen:
		b.transfers++
	case !o.Kind.IsScan() || o.Status != history.OK || o.Position < b.opened:
	case o.Kind == history.CountRange:
		b.result.Events++
		if o.Scan.Found != b.accounts {
			b.violate("a count of client %d at %s, position %d, found %d accounts of %d", o.Client, o.Node, o.Position, o.Scan.Found, b.accounts)
		}
	default:
		b.result.Events++
		b.hold(fmt.Sprintf("a scan of client %d at %s", o.Client, o.Node), o.Position, o.Scan.Items)
	}
}

// hold holds what somebody has seen against what a bank has, and reports whether it is that.
func (b *bank) hold(who string, position uint64, items []history.Item) bool {
	sum := int64(0)
	for i := range items {
		balance, ok := number(items[i].Head)
		if !ok || balance < 0 {
			b.violate("%s shows %q with the balance %q at position %d", who, items[i].Key, items[i].Head, position)
			return false
		}
		sum += balance
	}
	if sum != b.sum() || len(items) != b.accounts {
		b.violate("%s shows the sum %d of %d accounts at position %d, and not %d of %d", who, sum, len(items), position, b.sum(), b.accounts)
		return false
	}
	return true
}

// Replica takes all accounts at the end.
func (b *bank) Replica(r *Replica) {
	if b.reached(r) {
		b.hold(r.Node, r.Position, r.Items)
	}
}

// Finish returns what was found.
func (b *bank) Finish() check.Result {
	b.result.Covers = fmt.Sprintf("every scan shows the sum %s, and no account below 0, through %s transfers; %s at the end",
		report.Grouped(b.sum()), report.Grouped(int64(b.transfers)), report.Count(len(b.nodes), "node"))
	return b.result
}

// Note is the sum that the nodes have at the end.
func (b *bank) Note() string {
	if len(b.nodes) == 0 || !b.result.Pass() {
		return ""
	}
	return fmt.Sprintf("bank: sum %s at position %d on %s", report.Grouped(b.sum()), b.at, b.where())
}
