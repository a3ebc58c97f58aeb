package workload

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

const (
	groupSize     = 10
	groupKeys     = 1000 // by default
	mostGroupKeys = 100_000
	groupWriters  = 0.5 // of what clients begin
	groupDeletes  = 0.1 // of the writes
	mostGroups    = 3   // that a scan goes through
	mostLimit     = 25  // of a scan that is limited
)

func groupDefaults(w *load.Workload) { w.Keys, w.Writes = groupKeys, 0.3 }

func validateGroups(w *load.Workload) error {
	if w.Keys%groupSize != 0 {
		return program.BadFlag("keys", strconv.Itoa(w.Keys), fmt.Sprintf("must be a multiple of %d: so many variables are a group", groupSize))
	}
	return program.CheckInt("keys", w.Keys, groupSize, mostGroupKeys)
}

// startGroups names the variables: ten in each group.
func startGroups(w *load.Workload, prefix string) (*load.Keyspace, Invariant) {
	k := named(w, prefix, func(i int) string { return groupName(i/groupSize) + strconv.Itoa(i%groupSize) })
	k.Choose = func(k *load.Keyspace, id int) load.Chooser { return &grouper{client: newClient(k, id)} }
	return k, newGroups(prefix, w.Keys)
}

func groupName(group int) string { return "group/" + digits(group, 5) + "/" }

// grouper is a client that gives all variables of a group the same value, or deletes them,
// in one transaction, and looks at groups in every way that there is.
type grouper struct {
	client
	group   int // that it writes
	reading bool
	writing bool
	version uint64 // of the last variable of the group
	made    int    // values
}

// Preload fills r with the first value of a variable, which all have.
func (c *grouper) Preload(r *load.Request, key int) {
	*r = load.Request{Kind: history.Set, Key: c.keys.Plain[key], Value: []byte("first")}
}

// Next fills r with a look at some groups, or a step of a write.
func (c *grouper) Next(r *load.Request) {
	switch {
	case c.writing:
		load.TxnRequest(r, c.write())
	case c.chance(groupWriters):
		c.group, c.reading = c.random.IntN(len(c.keys.Plain)/groupSize), true
		*r = load.Request{Kind: history.Get, Key: c.keyOf(groupSize - 1)}
	default:
		c.look(r)
	}
}

func (c *grouper) keyOf(i int) string { return c.keys.Plain[c.group*groupSize+i] }

// write writes the whole group: at all events, or if the last variable has not changed, which
// is a condition of the transaction or of its last operation.
func (c *grouper) write() *wire.Txn {
	c.made++
	value := strconv.AppendInt(nil, int64(c.id), 36)
	value = strconv.AppendInt(append(value, '.'), int64(c.made), 36)
	kind := wire.TxnPut
	if c.chance(groupDeletes) {
		kind, value = wire.TxnDelete, nil
	}
	t := &wire.Txn{}
	for i := range groupSize {
		t.Then = append(t.Then, wire.TxnOp{Kind: kind, Key: c.keyOf(i), Value: value})
	}
	unchanged := wire.Cond{Kind: wire.CondVersion, Version: c.version}
	switch c.random.IntN(3) {
	case 0:
		t.Then[groupSize-1].If = unchanged
	case 1:
		unchanged.Key = c.keyOf(groupSize - 1)
		t.If = []wire.Cond{unchanged}
	}
	return t
}

// look fills r with a scan, forward or backward, or a limited one, or a count.
func (c *grouper) look(r *load.Request) {
	all := len(c.keys.Plain) / groupSize
	first := c.random.IntN(all)
	last := min(all-1, first+c.random.IntN(mostGroups))
	from, to := c.keys.Prefix+groupName(first), endOf(c.keys.Prefix+groupName(last))
	scan := history.Scan{To: to, Reverse: c.chance(0.5)}
	switch c.random.IntN(3) {
	case 0:
		countRange(r, from, to)
	case 1:
		scan.Limit = 1 + c.random.IntN(mostLimit)
		readRange(r, from, scan)
	default:
		readRange(r, from, scan)
	}
}

// Learn takes the answer. What was refused is left alone: another write was there.
func (c *grouper) Learn(_ *load.Request, a *load.Answer) {
	c.writing = c.reading && a.Status == history.OK
	c.reading = false
	if c.writing {
		c.version = a.Version
	}
}

// groups is the invariant: nobody sees two values in a group, or a part of one.
type groups struct {
	tally
	prefix string // of the variables
	keys   int
	loaded uint64 // position from which on all groups are whole
	writes uint64
}

func newGroups(prefix string, keys int) *groups {
	return &groups{tally: tally{result: check.Result{Name: "groups", Kept: "nothing"}}, prefix: prefix, keys: keys}
}

// Complete takes an operation.
func (g *groups) Complete(o *history.Op) {
	switch {
	case o.Kind == history.Set:
		g.loaded = max(g.loaded, o.Position)
	case o.Kind == history.Txn && o.Status == history.OK && o.Sum == wire.TxnThen:
		g.writes++
	case !o.Kind.IsScan() || o.Status != history.OK || o.Position < g.loaded:
	case o.Kind == history.CountRange:
		g.result.Events++
		if o.Scan.Found%groupSize != 0 {
			g.violate("a count of client %d at %s, position %d, found %d variables of whole groups", o.Client, o.Node, o.Position, o.Scan.Found)
		}
	default:
		g.result.Events++
		cut := o.Scan.Limit > 0 && len(o.Scan.Items) == o.Scan.Limit // the last group may be shown in part
		g.hold(fmt.Sprintf("a scan of client %d at %s", o.Client, o.Node), o.Position, o.Scan.Items, cut)
	}
}

// hold holds what somebody has seen of some groups against what they promise.
func (g *groups) hold(who string, position uint64, items []history.Item, cut bool) {
	for len(items) > 0 {
		name := items[0].Key[:strings.LastIndexByte(items[0].Key, '/')+1]
		n := 0
		for n < len(items) && strings.HasPrefix(items[n].Key, name) {
			if !bytes.Equal(items[n].Head, items[0].Head) {
				g.violate("%s shows %q and %q in the group %q at position %d", who, items[0].Head, items[n].Head, name, position)
				return
			}
			n++
		}
		if n != groupSize && (!cut || n < len(items)) {
			g.violate("%s shows %d of the %d variables of the group %q at position %d", who, n, groupSize, name, position)
			return
		}
		items = items[n:]
	}
}

// Replica takes all groups at the end.
func (g *groups) Replica(r *Replica) {
	if g.reached(r) {
		g.hold(r.Node, r.Position, r.Items, false)
	}
}

// Finish returns what was found.
func (g *groups) Finish() check.Result {
	g.result.Covers = fmt.Sprintf("each of %d groups has one value, and is there as a whole, in every scan and count, through %s writes; %s at the end",
		g.keys/groupSize, report.Grouped(int64(g.writes)), report.Count(len(g.nodes), "node"))
	return g.result
}
