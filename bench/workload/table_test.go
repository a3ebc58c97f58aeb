package workload

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// defaults are those of a run that names no workload.
var defaults = load.Workload{Writes: 0.5, Strong: 0.01, Adds: 0.01, CAS: 0.01, Dels: 0.01, Keys: 10_000, ValueBytes: 100, Dist: load.Uniform, Seed: 1}

// nothing was given.
func nothing(string) bool { return false }

// Every row is whole, and its defaults are possible.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for i := range Table {
		row := &Table[i]
		if seen[row.Name] || row.Name == "" || row.Does == "" {
			t.Errorf("%q is there twice, or says nothing", row.Name)
		}
		seen[row.Name] = true
		for _, flag := range row.Takes {
			if !slices.Contains(Flags, flag) {
				t.Errorf("%s takes --%s, which is none of Flags", row.Name, flag)
			}
		}
		w := defaults
		row.Apply(&w, nothing)
		if err := errors.Join(w.Validate(), row.Check(&w, 0)); err != nil {
			t.Errorf("%s: the defaults are refused: %v", row.Name, err)
		}
		w.Keys = 100
		keys, invariant := row.Start(&w, "p/")
		if (invariant != nil) != (row.Keeps != "") || len(keys.Plain) != 100 || keys.Prefix != "p/" || keys.Keys != 100 {
			t.Errorf("%s: %d variables, an invariant: %v", row.Name, len(keys.Plain), invariant != nil)
		}
		for _, key := range keys.All() {
			if !strings.HasPrefix(key, "p/") {
				t.Fatalf("%s has the variable %q", row.Name, key)
			}
		}
		if found, err := Find(row.Name); found != row || err != nil {
			t.Errorf("%s is not found: %v", row.Name, err)
		}
	}
	if row, err := Find(""); err != nil || row.Name != Mixed {
		t.Errorf("no name: %v, %v", row, err)
	}
	if _, err := Find("other"); !errors.Is(err, program.ErrConfig) || !strings.Contains(err.Error(), "--workload other: must be mixed, watch") {
		t.Errorf("another name: %v", err)
	}
}

// What each workload is, if no flag says otherwise.
func TestDefaults(t *testing.T) {
	type shape struct {
		keys, bytes int
		dist        string
		writes      float64
	}
	for name, want := range map[string]shape{
		"mixed": {10_000, 100, load.Uniform, 0.5}, "watch": {10_000, 100, load.Uniform, 1},
		"bank": {1000, 100, load.Uniform, 0.3}, "counter": {10, 100, load.Uniform, 0.9},
		"rmw": {100, 100, load.Uniform, 0.5}, "scan": {1000, 100, load.Uniform, 0.3},
		"ycsb-a": {1000, 1000, load.Zipfian, 0.5}, "ycsb-b": {1000, 1000, load.Zipfian, 0.05}, "ycsb-c": {1000, 1000, load.Zipfian, 0},
		"ycsb-d": {1000, 1000, load.Zipfian, 0.05}, "ycsb-e": {1000, 1000, load.Zipfian, 0.05}, "ycsb-f": {1000, 1000, load.Zipfian, 1. / 3},
	} {
		row, err := Find(name)
		if err != nil {
			t.Error(err)
			continue
		}
		w := defaults
		row.Apply(&w, nothing)
		if got := (shape{w.Keys, w.ValueBytes, w.Dist, w.Writes}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		// What writes is about that share of what clients do.
		m := newModel(t, name, 4, func(w *load.Workload) { w.Keys = 100 })
		writes, all := 0, 0
		for range 1000 {
			for i, c := range m.clients {
				var r load.Request
				c.Next(&r)
				if all++; !r.Kind.IsRead() {
					writes++
				}
				c.Learn(&r, &load.Answer{Status: history.OK, Value: []byte("1000"), Version: uint64(i)})
			}
		}
		if got := float64(writes) / float64(all); math.Abs(got-want.writes) > 0.06 {
			t.Errorf("%s: %.2f of the operations write, and %.2f is said", name, got, want.writes)
		}
	}
}

// Flags that have no place in a workload are refused, and those that were given stay.
func TestFlags(t *testing.T) {
	bank, err := Find("bank")
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range Flags {
		if err := bank.Refuses(flag); (err == nil) != (flag == "keys") || err != nil && !errors.Is(err, program.ErrConfig) {
			t.Errorf("bank and --%s: %v", flag, err)
		}
		if err := Table[0].Refuses(flag); (err != nil) != (flag == "ttl" || flag == "at-once") {
			t.Errorf("mixed and --%s: %v", flag, err)
		}
	}
	if err := bank.Refuses("rate"); err != nil {
		t.Errorf("a flag that shapes no load: %v", err)
	}
	if err := bank.Refuses("ttl"); !strings.Contains(err.Error(), "--ttl has no place in --workload bank: leave it out, or use --workload ttl") {
		t.Error(err)
	}
	if row, err := Find("ttl"); err != nil || row.Refuses("at-once") != nil || row.Refuses("ttl") != nil || row.Refuses("keys") != nil || row.Refuses("writes") == nil {
		t.Errorf("ttl: %v", err)
	}
	for ttl, ok := range map[time.Duration]bool{0: false, 20*time.Millisecond - 1: false, 20 * time.Millisecond: true, time.Minute: true, time.Minute + 1: false} {
		w := defaults
		if w.TTL = ttl; (validateTTL(&w) == nil) != ok {
			t.Errorf("a TTL of %v: %v", ttl, validateTTL(&w))
		}
	}
	const want = "--async has no place in --workload bank, which decides that itself: leave it out, or use --workload mixed"
	if err := bank.Check(&defaults, 1); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	for keys, ok := range map[int]bool{1: false, 2: true, 4000: true, 4001: false} {
		w := defaults
		w.Keys = keys
		if err := bank.Check(&w, 0); (err == nil) != ok {
			t.Errorf("%d accounts: %v", keys, err)
		}
	}
}

// What was given is kept, and the rest becomes the workload's own.
func TestApply(t *testing.T) {
	row := Row{Defaults: func(w *load.Workload) {
		*w = load.Workload{Writes: 0.1, Strong: 0.2, Adds: 0.3, CAS: 0.1, Dels: 0.2, Keys: 7, ValueBytes: 9, Dist: load.Zipfian, Seed: 5, Name: "x", TTL: 4}
	}}
	fields := []struct {
		flag string
		has  func(w *load.Workload) any
	}{
		{"writes", func(w *load.Workload) any { return w.Writes }},
		{"strong", func(w *load.Workload) any { return w.Strong }},
		{"adds", func(w *load.Workload) any { return w.Adds }},
		{"cas", func(w *load.Workload) any { return w.CAS }},
		{"dels", func(w *load.Workload) any { return w.Dels }},
		{"keys", func(w *load.Workload) any { return w.Keys }},
		{"value-size", func(w *load.Workload) any { return w.ValueBytes }},
		{"dist", func(w *load.Workload) any { return w.Dist }},
		{"ttl", func(w *load.Workload) any { return w.TTL }},
	}
	own := defaults
	row.Defaults(&own)
	for _, given := range fields {
		w := defaults
		row.Apply(&w, func(flag string) bool { return flag == given.flag })
		for _, f := range fields {
			want := f.has(&own)
			if f.flag == given.flag {
				want = f.has(&defaults)
			}
			if f.has(&w) != want {
				t.Errorf("given --%s, --%s is %v, want %v", given.flag, f.flag, f.has(&w), want)
			}
		}
		if w.Seed != 1 || w.Name != "" {
			t.Errorf("more than flags is changed: %+v", w)
		}
	}
}

// Clients do every write of the table of operations, in one workload or another.
func TestEveryWriteIsDone(t *testing.T) {
	done := map[history.Kind]int{}
	for i := range Table {
		w := defaults
		Table[i].Apply(&w, nothing)
		w.Keys = 100
		keys, _ := Table[i].Start(&w, "p/")
		for client := range 4 {
			var c load.Chooser = load.NewGenerator(keys, client)
			if keys.Choose != nil {
				c = keys.Choose(keys, client)
			}
			var r load.Request
			for n := range 1000 {
				c.Next(&r)
				done[r.Kind]++
				c.Learn(&r, &load.Answer{Status: history.OK, Value: []byte("1000"), Version: uint64(n)})
			}
		}
	}
	for op := wire.Op(1); op.Valid(); op++ {
		if n := done[history.Kind(op.String())]; (n > 0) != op.IsWrite() {
			t.Errorf("%s: the workloads choose it %d times", op, n)
		}
	}
}
