package sim

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
)

// ways are knobs that clients must not notice.
var ways = []Knobs{
	{Gather: Alone, Direct: 1, Window: 1, Batch: 1},
	{Gather: Rounds, Direct: 9, Window: 1, Batch: 64},
	{Gather: Briefly, Direct: 9, Window: 2, Batch: 1},
	{Gather: Rounds, Direct: 1, Window: 2, Batch: 64},
	{Gather: Alone, Direct: 9, Window: 3, Batch: 8},
}

// steps is how many operations each client of a program asks for.
const steps = 15

// TestMetamorphic runs the same programs of clients with all knobs. Without faults the same
// writes are executed. Where one client at a time writes, they are executed in the same order,
// with the same outcomes, and leave the same values. With faults, only the checks of
// every run remain.
func TestMetamorphic(t *testing.T) {
	quiet := Faults(1<<faultKinds - 1)
	for seed := range uint64(metamorphicSeeds) {
		var first, alone done
		for i, knobs := range ways {
			got := metamorphic(t, seed, Options{Without: quiet, Steps: steps, Knobs: knobs})
			if i == 0 {
				first = got
			}
			if got.writes != first.writes || got.writes == 0 {
				t.Errorf("seed %d with %+v: other writes than with %+v", seed, knobs, ways[0])
			}
			got = metamorphic(t, seed, Options{Without: quiet, Steps: steps, Clients: 1, Knobs: knobs})
			if i == 0 {
				alone = got
			}
			if got != alone {
				t.Errorf("seed %d, one client, with %+v: %+v; with %+v: %+v", seed, knobs, got, ways[0], alone)
			}
			metamorphic(t, seed, Options{Knobs: knobs})
		}
	}
}

// metamorphic runs a seed, which must be well, and returns what its clients have done.
func metamorphic(t *testing.T, seed uint64, o Options) done {
	t.Helper()
	w := newWorld(seed, o)
	if r := w.run(); r.Violation != "" {
		t.Fatalf("seed %d, %d steps, %d clients, with %+v: %s", seed, o.Steps, o.Clients, o.Knobs, r.Violation)
	}
	if o.Steps > 0 && w.counts.Unknown > 0 {
		t.Errorf("seed %d, %d clients, with %+v: the outcome of %d writes is unknown", seed, o.Clients, o.Knobs, w.counts.Unknown)
	}
	return w.sum()
}

// done is what clients have done, in hashes.
type done struct {
	writes uint64 // that were executed, in whatever order
	order  uint64 // and in theirs, with what came of them
	values uint64 // in the end
}

// sum makes up what was done in a run that is over.
func (w *world) sum() (d done) {
	o := w.order(w.registry.disk.Generation)
	var writes []*history.Op
	for i := range o.ops {
		if h := &o.ops[i].Op; !h.Kind.IsRead() && h.Answered() {
			writes = append(writes, h)
		}
	}
	slices.SortFunc(writes, func(a, b *history.Op) int { return cmp.Compare(a.Position, b.Position) })
	var order, values []byte
	for _, h := range writes {
		one := hash(fmt.Append(nil, h.Client, h.Kind, h.Key, string(h.Value), h.Delta))
		d.writes += one
		order = fmt.Append(order, one, h.Status, h.Because, h.Sum)
	}
	for n := range w.traits.keys {
		value, _, _ := w.hosts[0].run.current.reader.State().Get(variableName(n))
		values = fmt.Appendf(values, "%q", value)
	}
	for n := range txnKeys {
		value, _, _ := w.hosts[0].run.current.reader.State().Get(txnName(n))
		values = fmt.Appendf(values, "%q", value)
	}
	d.order, d.values = hash(order), hash(values)
	return d
}

func hash(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b)
	return h.Sum64()
}
