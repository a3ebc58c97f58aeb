package workload

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/history"
)

// fewRecords makes clients meet.
func fewRecords(w *load.Workload) { w.Keys, w.ValueBytes = 20, 40 }

// The workloads of YCSB do what they should as often as they should.
func TestYCSBMix(t *testing.T) {
	const n = 2000
	for name, want := range map[string]map[history.Kind]float64{
		"ycsb-a": {history.Get: 0.5, history.Set: 0.5},
		"ycsb-b": {history.Get: 0.95, history.Set: 0.05},
		"ycsb-c": {history.Get: 1},
		"ycsb-d": {history.Get: 0.95, history.Set: 0.05},
		"ycsb-e": {history.ReadRange: 0.95, history.Set: 0.05},
		"ycsb-f": {history.Get: 2.0 / 3, history.CompareAndSet: 1.0 / 3},
	} {
		m := newModel(t, name, 1, fewRecords)
		r := m.run(n)
		if !r.Pass() {
			t.Errorf("%s: %+v", name, r)
		}
		m.done[history.Set] -= 20 // that were loaded
		total := 0.0
		for kind, share := range want {
			if got := float64(m.done[kind]) / n; math.Abs(got-share) > 0.03 {
				t.Errorf("%s: %.3f of %s, want %.3f", name, got, kind, share)
			}
			total += float64(m.done[kind])
		}
		row, err := Find(name)
		w := load.Workload{}
		row.Apply(&w, nothing)
		writes := want[history.Set] + want[history.CompareAndSet]
		if total != n || err != nil || math.Abs(w.Writes-writes) > 0.001 || w.ValueBytes != 1000 || w.Keys != 1000 || w.Dist != load.Zipfian {
			t.Errorf("%s: %v of %d, defaults %+v", name, total, n, w)
		}
		inserted := len(m.keys.All()) - 20
		if (inserted > 50) != (name == "ycsb-d" || name == "ycsb-e") || inserted > 0 && inserted != m.done[history.Set] {
			t.Errorf("%s: %d records are inserted", name, inserted)
		}
		for _, key := range m.keys.All() {
			if _, ok := m.values[key]; !ok {
				t.Errorf("%s: %q is not there", name, key)
			}
		}
	}
}

// Each workload finds a mistake by what it promises.
func TestYCSBInvariants(t *testing.T) {
	stale := func(m *model) {
		old := map[string]held{}
		m.spoil = func(m *model, r *load.Request, a *load.Answer) {
			if one, ok := m.values[r.Key]; ok && r.Kind != history.Get {
				if _, ok := old[r.Key]; !ok {
					old[r.Key] = one
				}
			} else if r.Kind == history.Get && m.position > 40 && a.Value != nil {
				a.Value, a.Version = old[r.Key].value, old[r.Key].version
			}
			for i := range a.Items {
				if one := old[a.Items[i].Key]; m.position > 40 {
					a.Items[i] = history.NewItem(a.Items[i].Key, one.version-min(one.version, 1), one.value)
				}
			}
		}
	}
	elsewhere := func(m *model) {
		m.spoil = func(m *model, _ *load.Request, a *load.Answer) {
			value := slices.Concat([]byte("z.0.0 "), make([]byte, 40))
			if a.Value != nil && m.position >= 20 {
				a.Value = value
			}
			for i := range a.Items {
				a.Items[i] = history.NewItem(a.Items[i].Key, a.Items[i].Version, value)
			}
		}
	}
	missing := func(m *model) {
		m.spoil = func(_ *model, _ *load.Request, a *load.Answer) {
			a.Value = nil
			if n := len(a.Items); n > 0 {
				a.Items = slices.Delete(a.Items, n/2, n/2+1)
			}
		}
	}
	future := func(m *model) {
		m.spoil = func(m *model, _ *load.Request, a *load.Answer) {
			a.Version = m.position + 1
			for i := range a.Items {
				a.Items[i].Version = m.position + 1
			}
		}
	}
	for i := range Table {
		name := Table[i].Name
		if !strings.HasPrefix(name, "ycsb-") {
			continue
		}
		mistakes := []spoiled{
			{"a value of another record", elsewhere, "what is no value of it"},
			{"a record that is missing", missing, "finds no"},
			{"a version of the future", future, "finds version"},
			{"a replica that lacks one", func(m *model) {
				m.replica = func(_ int, r *Replica) { r.Items = r.Items[1:] }
			}, "in a scan at position"},
			{"a replica behind", func(m *model) {
				m.replica = func(_ int, r *Replica) { r.Items[0].Version = 0 }
			}, "was acknowledged"},
		}
		if name != "ycsb-c" && name != "ycsb-d" { // which never write a record a second time
			mistakes = append(mistakes, spoiled{"a stale read", stale, "was acknowledged"})
		}
		passesUnlessSpoiled(t, name, 100, fewRecords, mistakes)
	}
}

// What is not acknowledged at or before the position of a read need not be there.
func TestRecordsBeforeAcknowledgement(t *testing.T) {
	k := newRecordsKept("p/")
	key := "p/" + recordName(7)
	get := func(position, version uint64, value string) {
		o := &history.Op{Kind: history.Get, Key: key, Position: position, Version: version, Status: history.OK}
		if value != "" {
			o.Value = []byte(value)
		}
		k.Complete(o)
	}
	set := func(position uint64, status history.Status) {
		k.Complete(&history.Op{Kind: history.Set, Key: key, Position: position, Status: status})
	}
	get(3, 0, "")
	set(5, history.OK)
	get(4, 0, "")
	get(5, 5, "7.0.0 ")
	set(9, history.OK)
	set(7, history.OK)
	set(0, history.Unknown)
	get(6, 5, "7.0.0 ")
	get(8, 7, "7.0.0 ")
	get(8, 8, "7.0.0 ")
	get(9, 9, "7.0.0 ")
	if r := k.Finish(); !r.Pass() || r.Events != 7 {
		t.Fatalf("%+v", r)
	}
	for i, wrong := range []func(){
		func() { get(5, 0, "") }, func() { get(8, 6, "7.0.0 ") }, func() { get(9, 8, "7.0.0 ") },
		func() { get(9, 10, "7.0.0 ") }, func() { get(9, 9, "8.0.0 ") }, func() { get(9, 9, "7") }, func() { get(9, 9, "!.") },
	} {
		if wrong(); k.result.Violations != uint64(i+1) {
			t.Errorf("mistake %d is not found: %q", i, k.result.Texts)
		}
	}
	for i := range uint64(10 * keptAcks) {
		set(100+i, history.OK)
	}
	if one := k.acks[key]; len(one.updates) > 2*keptAcks || one.inserted != 5 || one.updates[len(one.updates)-1] != 99+10*keptAcks {
		t.Errorf("%d acknowledgements are kept, the first at %d", len(one.updates), one.inserted)
	}
}

// A scan must show every record that was acknowledged, as far as it goes.
func TestRecordsInScans(t *testing.T) {
	k := newRecordsKept("")
	var keys []string
	for i := range 3 * keptAcks {
		keys = append(keys, recordName(i))
		k.Complete(&history.Op{Kind: history.Set, Key: keys[i], Position: uint64(10 + i), Status: history.OK})
	}
	item := func(key string) history.Item {
		i := slices.Index(keys, key)
		return history.NewItem(key, uint64(10+i), append(appendBase36(nil, i), ".0.0 "...))
	}
	sorted := slices.Sorted(slices.Values(keys))
	scan := func(position uint64, from, to string, limit int, shown ...string) (violations uint64) {
		before := k.result.Violations
		o := &history.Op{Kind: history.ReadRange, Key: from, Position: position, Status: history.OK, Scan: &history.Scan{To: to, Limit: limit}}
		for _, key := range shown {
			o.Scan.Items = append(o.Scan.Items, item(key))
		}
		k.Complete(o)
		return k.result.Violations - before
	}
	for i, v := range []uint64{
		scan(1000, "", "", 0, sorted...), scan(1000, sorted[3], "", 2, sorted[3:5]...), scan(1000, sorted[3], sorted[5], 9, sorted[3:5]...),
		scan(9, "", "", 5), scan(1000, "z", "", 5),
	} {
		if v > 0 {
			t.Errorf("right scan %d: %q", i, k.result.Texts)
		}
	}
	for i, v := range []uint64{
		scan(1000, "", "", 0, sorted[1:]...), scan(1000, "", "", 0, sorted[:5]...), scan(1000, sorted[3], "", 2, sorted[3], sorted[5]),
		scan(1000, sorted[3], sorted[6], 9, sorted[3:5]...), scan(1000, "", "", 5),
	} {
		if v == 0 {
			t.Errorf("wrong scan %d is not found", i)
		}
	}
}

func appendBase36(dst []byte, n int) []byte {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	if n >= 36 {
		dst = appendBase36(dst, n/36)
	}
	return append(dst, letters[n%36])
}

// The shares of numbers are those of Zipf's law.
func TestZipf(t *testing.T) {
	const draws = 200_000
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 100, 10_000} {
		z, counts := newZipf(1), make([]int, n)
		z.grow(n)
		if whole := newZipf(n); math.Abs(z.zeta-whole.zeta) > 1e-9 || z.eta != whole.eta && n > 2 {
			t.Errorf("%d numbers: %+v grown, %+v at once", n, z, whole)
		}
		z.grow(1)
		for range draws {
			counts[z.draw(random)]++
		}
		zeta := 0.0
		for i := range n {
			zeta += 1 / math.Pow(float64(i+1), zipfTheta)
		}
		for i, want := range map[int]float64{0: 1, 1: math.Pow(0.5, zipfTheta)} {
			if i < n && math.Abs(float64(counts[i])/draws-want/zeta) > 0.01 {
				t.Errorf("of %d numbers, number %d has a share of %.4f, want %.4f", n, i, float64(counts[i])/draws, want/zeta)
			}
		}
		if n == 10_000 {
			tenth := 0
			for _, c := range counts[:1000] {
				tenth += c
			}
			if share := float64(tenth) / draws; share < 0.73 || share > 0.81 {
				t.Errorf("the most popular tenth has a share of %.3f", share)
			}
		}
	}
}

// The most popular record is one of those that were loaded, or with ycsb-d the newest.
func TestYCSBChoice(t *testing.T) {
	for _, name := range []string{"ycsb-a", "ycsb-d"} {
		for _, dist := range []string{load.Zipfian, load.Uniform} {
			m := newModel(t, name, 1, func(w *load.Workload) { w.Dist = dist })
			c := m.clients[0].(*ycsbClient)
			c.newest.Store(1500)
			counts := map[int]int{}
			for range 20_000 {
				counts[c.choose()]++
			}
			popular, last := 0, 0
			for record, n := range counts {
				last = max(last, record)
				if n > counts[popular] {
					popular = record
				}
			}
			share := float64(counts[popular]) / 20_000
			if (share > 0.1) != (dist == load.Zipfian) || (last == 1499) != (name == "ycsb-d") || name == "ycsb-d" && dist == load.Zipfian && popular != 1499 {
				t.Errorf("%s, %s: record %d has a share of %.3f; the last is %d", name, dist, popular, share, last)
			}
		}
	}
}

// A record that is inserted is the newest once it is acknowledged.
func TestYCSBNewest(t *testing.T) {
	m := newModel(t, "ycsb-d", 1, fewRecords)
	c := m.clients[0].(*ycsbClient)
	for _, step := range []struct {
		record int
		status history.Status
		want   int64
	}{{22, history.OK, 23}, {21, history.OK, 23}, {30, history.Unknown, 23}, {23, history.OK, 24}} {
		c.Learn(&load.Request{Kind: history.Set, Value: c.value(step.record)}, &load.Answer{Status: step.status})
		if got := c.newest.Load(); got != step.want {
			t.Errorf("after %+v: %d", step, got)
		}
	}
}

// What was read is written once if nobody was faster, and left alone if it is not there.
func TestYCSBModifies(t *testing.T) {
	for _, answer := range []load.Answer{{Status: history.OK}, {Status: history.Fail, Because: history.Conflict}} {
		c := newModel(t, "ycsb-f", 1, fewRecords).clients[0].(*ycsbClient)
		var r load.Request
		for c.modify == 0 {
			c.Next(&r)
		}
		key := r.Key
		c.Learn(&r, &load.Answer{Status: history.OK, Value: []byte("x"), Version: 7})
		if c.Next(&r); r.Kind != history.CompareAndSet || r.Key != key || r.Expect != 7 {
			t.Errorf("%s of %q, want a write of %q", r.Kind, r.Key, key)
		}
		if n, ok := recordOf(r.Value); !ok || c.name(n) != key {
			t.Errorf("%q is a value of record %d", key, n)
		}
		if c.Learn(&r, &answer); c.modify != 0 || c.hasRead {
			t.Errorf("it goes on after %+v", answer)
		}
	}
	for _, answer := range []load.Answer{{Status: history.OK}, {Status: history.Fail, Value: []byte("x")}} {
		c := newModel(t, "ycsb-f", 1, fewRecords).clients[0].(*ycsbClient)
		c.modify = 3
		if c.Learn(&load.Request{Kind: history.Get}, &answer); c.modify != 0 || c.hasRead {
			t.Errorf("it goes on after %+v", answer)
		}
	}
}
