package workload

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

const (
	chains     = 100 // by default
	mostChains = 100_000
)

func rmwDefaults(w *load.Workload) { w.Keys, w.Writes = chains, 0.5 }

func validateRMW(w *load.Workload) error { return program.CheckInt("keys", w.Keys, 1, mostChains) }

// startRMW names the variables.
func startRMW(w *load.Workload, prefix string) (*load.Keyspace, Invariant) {
	k := named(w, prefix, func(i int) string { return "chain/" + digits(i, 6) })
	k.Choose = func(k *load.Keyspace, id int) load.Chooser { return &modifier{client: newClient(k, id)} }
	return k, newChained(prefix, w.Keys)
}

// link is the value that a client makes of another: a hash of that, of the client and of a
// number of its own, and both.
func link(before []byte, client, n int) []byte {
	value := fmt.Appendf(nil, "%016x", linkHash(before, client, n))
	value = strconv.AppendInt(append(value, ' '), int64(client), 36)
	return strconv.AppendInt(append(value, ' '), int64(n), 36)
}

func linkHash(before []byte, client, n int) uint64 {
	b := binary.LittleEndian.AppendUint64(bytes.Clone(before), uint64(client))
	return xxh3.Hash(binary.LittleEndian.AppendUint64(b, uint64(n)))
}

// follows reports whether a client made a value of the one before.
func follows(value, before []byte) bool {
	fields := bytes.Fields(value)
	if len(fields) != 3 {
		return false
	}
	client, err := strconv.ParseInt(string(fields[1]), 36, 64)
	if err != nil {
		return false
	}
	n, err := strconv.ParseInt(string(fields[2]), 36, 64)
	return err == nil && bytes.Equal(value, link(before, int(client), int(n)))
}

// modifier is a client that reads a variable, and makes another value of it, unless somebody
// was faster: then it begins again.
type modifier struct {
	client
	key     string // "": it begins with another variable
	value   []byte
	version uint64
	hasRead bool
	made    int // values
}

// Preload fills r with the first value of a variable.
func (c *modifier) Preload(r *load.Request, key int) {
	*r = load.Request{Kind: history.Set, Key: c.keys.Plain[key], Value: c.next(nil)}
}

// next makes a value.
func (c *modifier) next(before []byte) []byte {
	c.made++
	return link(before, c.id, c.made)
}

// Next fills r with a read, or a write of what was made of that: with CompareAndSet, or as a
// transaction with a condition of its own, or of its operation.
func (c *modifier) Next(r *load.Request) {
	if c.key == "" {
		c.key = c.someKey()
	}
	if !c.hasRead {
		*r = load.Request{Kind: history.Get, Key: c.key}
		return
	}
	value := c.next(c.value)
	unchanged := wire.Cond{Kind: wire.CondVersion, Version: c.version}
	put := wire.TxnOp{Kind: wire.TxnPut, Key: c.key, Value: value}
	switch c.random.IntN(3) {
	case 0:
		*r = load.Request{Kind: history.CompareAndSet, Key: c.key, Value: value, Expect: c.version}
	case 1:
		put.If = unchanged
		load.TxnRequest(r, &wire.Txn{Then: []wire.TxnOp{put}})
	default:
		unchanged.Key = c.key
		load.TxnRequest(r, &wire.Txn{If: []wire.Cond{unchanged}, Then: []wire.TxnOp{put}})
	}
}

// Learn takes the answer.
func (c *modifier) Learn(r *load.Request, a *load.Answer) {
	switch {
	case r.Kind == history.Get && a.Status == history.OK && a.Value != nil:
		c.value, c.version, c.hasRead = a.Value, a.Version, true
	case r.Kind != history.Get && a.Conflicts(r):
		c.hasRead = false // somebody was faster
	default:
		c.key, c.hasRead = "", false
	}
}

// chained is the invariant: each value was made of the one before it in the order.
type chained struct {
	tally
	ledger
	prefix    string // of the variables
	variables int
	links     map[string]*links
}

// links is what the order has made of a variable.
type links struct {
	value   []byte // the newest
	version uint64
	n       int64 // values after the first
}

func newChained(prefix string, variables int) *chained {
	return &chained{
		tally:  tally{result: check.Result{Name: "rmw", Kept: "the newest value of each variable"}},
		ledger: newLedger(), prefix: prefix + "chain/", variables: variables, links: make(map[string]*links),
	}
}

// Order takes a command.
func (c *chained) Order(e *check.Entry) {
	cmd := &e.Command
	switch {
	case !e.OK:
	case cmd.Op == wire.OpSet && strings.HasPrefix(cmd.Key, c.prefix): // the first value
		c.links[strings.Clone(cmd.Key)] = &links{value: bytes.Clone(cmd.Value), version: e.Position}
	case cmd.Op == wire.OpCompareAndSet:
		c.put(e, cmd.Key, cmd.Value)
	case cmd.Op == wire.OpTxn:
		if put := c.putOf(cmd.Value); put != nil {
			c.put(e, put.Key, put.Value)
		}
	}
}

// putOf is what a transaction that took effect has written, nil if nothing: its condition did
// not hold, or it is none of ours.
func (c *chained) putOf(encoded []byte) *wire.TxnOp {
	var t wire.Txn
	if t.Decode(encoded) != nil || len(t.Then) != 1 {
		return nil
	}
	put := &t.Then[0]
	one := c.links[put.Key]
	if one == nil || len(t.If) == 1 && t.If[0].Version != one.version {
		return nil
	}
	return put
}

// put takes the next value of a variable.
func (c *chained) put(e *check.Entry, key string, value []byte) {
	one := c.links[key]
	if one == nil {
		return
	}
	c.result.Events++
	c.effect(e.Command.Session, e.Command.Seq, key)
	if !follows(value, one.value) {
		c.violate("an update was lost: %q at position %d is %q, which was not made of the value before, %q of position %d",
			key, e.Position, value, one.value, one.version)
	}
	one.value, one.version = append(one.value[:0], value...), e.Position
	one.n++
}

// Complete takes an operation.
func (c *chained) Complete(o *history.Op) {
	switch {
	case o.Kind == history.CompareAndSet:
		c.complete(o, o.Key)
	case o.Kind == history.Txn && (o.Status != history.OK || o.Sum == wire.TxnThen):
		var t wire.Txn
		if t.Decode(o.Value) == nil && len(t.Then) == 1 {
			c.complete(o, t.Then[0].Key)
		}
	}
}

// Replica takes the variables at the end.
func (c *chained) Replica(r *Replica) {
	if !c.reached(r) {
		return
	}
	if len(r.Items) != c.variables {
		c.violate("%s has %d variables at the end, of %d", r.Node, len(r.Items), c.variables)
	}
	for i := range r.Items {
		one := &r.Items[i]
		want, w := c.links[one.Key], c.of(one.Key)
		switch {
		case want == nil || one.Hash != xxh3.Hash(want.value):
			c.violate("%s has %q as %q at the end, which is not the end of its chain", r.Node, one.Key, one.Head)
		case want.n != w.acked+w.took:
			c.violate("%q was modified %d times: %d were acknowledged, and %d of unknown outcome took effect", one.Key, want.n, w.acked, w.took)
		}
	}
}

// Finish returns what was found.
func (c *chained) Finish() check.Result {
	acked, took := c.total()
	c.result.Covers = fmt.Sprintf("each value was made of the one before: %s updates, and %s of unknown outcome, and none was lost; %s at the end",
		report.Grouped(acked), report.Grouped(took), report.Count(len(c.nodes), "node"))
	return c.result
}
