package workload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
)

// keptAcks is how many of the newest acknowledgements of a record are kept, and up to twice
// as many. What a read reflects is hardly ever older.
const keptAcks = 32

// recordsKept is the invariant of YCSB: what reads a record finds one of its values, and none
// from before an update that was acknowledged at or before its position; what was inserted
// stays. It looks at answers only, and not at the order.
type recordsKept struct {
	tally
	prefix string
	acks   map[string]*record
	sorted []string // the records that were acknowledged
	added  []string // likewise, and not yet among them
	writes uint64
}

// record is what clients were told of a record.
type record struct {
	inserted uint64   // the lowest position at which it was
	updates  []uint64 // the newest positions, rising
	pruned   bool     // there were others
}

func newRecordsKept(prefix string) *recordsKept {
	return &recordsKept{
		tally:  tally{result: check.Result{Name: "records", Kept: "the last acknowledgements of each record"}},
		prefix: prefix, acks: make(map[string]*record),
	}
}

// Complete takes an operation.
func (k *recordsKept) Complete(o *history.Op) {
	switch {
	case o.Status != history.OK:
	case o.Kind == history.Set || o.Kind == history.CompareAndSet:
		k.acknowledged(o.Key, o.Position)
	case o.Kind == history.Get && o.Value == nil:
		k.result.Events++
		if one := k.acks[o.Key]; one != nil && one.inserted <= o.Position {
			k.violate("client %d at %s finds no %q at position %d, and it was acknowledged at %d", o.Client, o.Node, o.Key, o.Position, one.inserted)
		}
	case o.Kind == history.Get:
		k.hold(o, o.Key, o.Version, o.Value)
	case o.Kind == history.ReadRange:
		k.scan(o)
	}
}

// acknowledged notes a write.
func (k *recordsKept) acknowledged(key string, position uint64) {
	k.writes++
	one := k.acks[key]
	if one == nil {
		one = &record{inserted: position}
		k.acks[key] = one
		k.added = append(k.added, key)
	}
	one.inserted = min(one.inserted, position)
	at, _ := slices.BinarySearch(one.updates, position)
	one.updates = slices.Insert(one.updates, at, position)
	if len(one.updates) > 2*keptAcks {
		one.updates, one.pruned = slices.Delete(one.updates, 0, keptAcks), true
	}
}

// hold holds a value that was read, of which there is the beginning, against what is known of
// the record.
func (k *recordsKept) hold(o *history.Op, key string, version uint64, value []byte) {
	k.result.Events++
	if n, ok := recordOf(value); !ok || key != k.prefix+recordName(n) {
		k.violate("client %d at %s finds in %q at position %d what is no value of it: %q", o.Client, o.Node, key, o.Position, value[:min(len(value), history.HeadBytes)])
		return
	}
	if version > o.Position {
		k.violate("client %d at %s finds version %d of %q at position %d", o.Client, o.Node, version, key, o.Position)
		return
	}
	one := k.acks[key]
	if one == nil {
		return
	}
	at, found := slices.BinarySearch(one.updates, o.Position)
	if found {
		at++
	}
	if at > 0 && version < one.updates[at-1] {
		k.violate("client %d at %s finds version %d of %q at position %d: the update of position %d was acknowledged",
			o.Client, o.Node, version, key, o.Position, one.updates[at-1])
	}
}

// scan holds what a scan has shown against the records that must be there.
func (k *recordsKept) scan(o *history.Op) {
	items := o.Scan.Items
	for i := range items {
		k.hold(o, items[i].Key, items[i].Version, items[i].Head)
	}
	keys := k.index()
	first, _ := slices.BinarySearch(keys, o.Key)
	for _, key := range keys[first:] {
		if o.Scan.To != "" && key >= o.Scan.To || o.Scan.Limit > 0 && len(o.Scan.Items) == o.Scan.Limit && key > o.Scan.Items[o.Scan.Limit-1].Key {
			return
		}
		for len(items) > 0 && items[0].Key < key {
			items = items[1:]
		}
		if (len(items) == 0 || items[0].Key != key) && k.acks[key].inserted <= o.Position {
			k.violate("client %d at %s finds no %q in a scan at position %d, and it was acknowledged at %d", o.Client, o.Node, key, o.Position, k.acks[key].inserted)
			return
		}
	}
}

// index returns the records that were acknowledged, sorted.
func (k *recordsKept) index() []string {
	if len(k.added) > keptAcks {
		k.sorted = append(k.sorted, k.added...)
		slices.Sort(k.sorted)
		k.added = k.added[:0]
	}
	for _, key := range k.added {
		at, _ := slices.BinarySearch(k.sorted, key)
		k.sorted = slices.Insert(k.sorted, at, strings.Clone(key))
	}
	k.added = k.added[:0]
	return k.sorted
}

// Replica takes the records at the end: all that were acknowledged are there.
func (k *recordsKept) Replica(r *Replica) {
	if !k.reached(r) {
		return
	}
	k.scan(&history.Op{Node: r.Node, Position: r.Position, Key: k.prefix, Scan: &history.Scan{Items: r.Items}, Client: -1})
}

// Finish returns what was found.
func (k *recordsKept) Finish() check.Result {
	k.result.Covers = fmt.Sprintf("each of %s records has a value of its own, none older than an update acknowledged at or before the position of the read, of %s; %s at the end",
		report.Grouped(int64(len(k.acks))), report.Grouped(int64(k.writes)), report.Count(len(k.nodes), "node"))
	return k.result
}
