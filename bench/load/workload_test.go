package load

import (
	"math"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
)

// mixed is a workload that has a little of everything.
func mixed() Workload {
	return Workload{Writes: 0.5, Strong: 0.01, Adds: 0.01, CAS: 0.01, Dels: 0.01, Keys: 10_000, ValueBytes: 100, Dist: Uniform, Seed: 1}
}

// choices makes n choices of a client and counts them.
func choices(w *Workload, client, n int) (byKind map[history.Kind]int, byKey map[string]int, log []Request) {
	g := NewGenerator(NewKeyspace(w, "p/"), client)
	byKind, byKey = map[history.Kind]int{}, map[string]int{}
	for range n {
		var r Request
		g.Next(&r)
		g.Learn(&r, &Answer{Status: history.OK, Version: 7})
		byKind[r.Kind]++
		byKey[r.Key]++
		log = append(log, r)
	}
	return byKind, byKey, log
}

func TestWorkloadMix(t *testing.T) {
	cfg := mixed()
	cfg.Writes, cfg.Strong, cfg.Adds, cfg.CAS, cfg.Dels = 0.4, 0.1, 0.2, 0.1, 0.1
	const n = 100_000
	kinds, keys, _ := choices(&cfg, 3, n)
	for kind, want := range map[history.Kind]float64{
		history.Get: 0.6 * 0.9, history.GetStrong: 0.6 * 0.1, history.Add: 0.4 * 0.2,
		history.CompareAndSet: 0.4 * 0.1, history.Delete: 0.4 * 0.1, history.Set: 0.4 * 0.6,
	} {
		if got := float64(kinds[kind]) / n; math.Abs(got-want) > 0.01 {
			t.Errorf("%s is %.3f of the operations, want %.3f", kind, got, want)
		}
	}
	for key := range keys {
		if !strings.HasPrefix(key, "p/") {
			t.Fatalf("key %q lacks the prefix", key)
		}
	}
}

func TestWorkloadExtremes(t *testing.T) {
	cfg := mixed()
	for _, writes := range []float64{0, 1} {
		cfg.Writes = writes
		kinds, _, _ := choices(&cfg, 0, 10_000)
		if reads := kinds[history.Get] + kinds[history.GetStrong]; reads != int(10_000*(1-writes)) {
			t.Errorf("%d reads with %v writes", reads, writes)
		}
	}
}

// TestWorkloadRepeats makes the same choices from the same seed, others from
// another, and others for another client.
func TestWorkloadRepeats(t *testing.T) {
	cfg := mixed()
	same := func(a, b []Request) bool {
		for i := range a {
			if a[i].Kind != b[i].Kind || a[i].Key != b[i].Key || string(a[i].Value) != string(b[i].Value) || a[i].Delta != b[i].Delta {
				return false
			}
		}
		return true
	}
	_, _, first := choices(&cfg, 1, 1000)
	_, _, again := choices(&cfg, 1, 1000)
	_, _, other := choices(&cfg, 2, 1000)
	if !same(first, again) || same(first, other) {
		t.Error("choices depend on something else than seed and client, or not on those")
	}
	cfg.Seed++
	if _, _, seeded := choices(&cfg, 1, 1000); same(first, seeded) {
		t.Error("choices do not depend on the seed")
	}
}

// TestWorkloadZipfian has one key that is asked for far more often than its
// share.
func TestWorkloadZipfian(t *testing.T) {
	cfg := mixed()
	for dist, popular := range map[string]bool{Uniform: false, Zipfian: true} {
		cfg.Dist = dist
		_, keys, _ := choices(&cfg, 0, 50_000)
		if got := keys["p/k0"] > 2500; got != popular {
			t.Errorf("%s: the first key is asked for %d times of 50000", dist, keys["p/k0"])
		}
	}
	cfg.Keys = 1
	if _, keys, _ := choices(&cfg, 0, 100); keys["p/k0"] == 0 {
		t.Error("one key cannot be chosen by zipfian")
	}
}

// TestWorkloadKnowsVersions compares and sets what the client saw last, never
// a counter.
func TestWorkloadKnowsVersions(t *testing.T) {
	cfg := mixed()
	cfg.CAS, cfg.Adds = 0.3, 0.3
	_, _, log := choices(&cfg, 0, 10_000)
	conditional := 0
	for i, r := range log {
		if r.Kind != history.CompareAndSet {
			continue
		}
		conditional++
		if strings.HasPrefix(r.Key, "p/n") {
			t.Fatalf("cas of the counter %s", r.Key)
		}
		if i > 0 && r.Expect != 7 && r.Expect != 0 {
			t.Errorf("cas expects version %d, the client saw 7 or absent", r.Expect)
		}
	}
	if conditional == 0 {
		t.Error("no cas")
	}
}

// TestValues are unique, of their size, and printable.
func TestValues(t *testing.T) {
	for _, size := range []int{MinValueBytes, textBytes - 1, textBytes, 100, blockBytes + 1} {
		for _, reuse := range []bool{false, true} {
			keys := NameKeys(&Workload{ValueBytes: size, Seed: 1, Reuse: reuse}, nil)
			seen := map[string]bool{}
			for _, client := range []int{0, 1, MaxClients - 1} {
				m := &valueMaker{keys: keys, client: client}
				first := m.next()
				kept := string(first)
				seen[kept] = true
				for range 2 * PaddingSlack / (1 + size/1000) {
					v := m.next()
					if len(v) != size || cap(v) != size || seen[string(v)] {
						t.Fatalf("value %q of %d bytes, capacity %d, want %d, and none twice", v[:MinValueBytes], len(v), cap(v), size)
					}
					seen[string(v)] = true
					if strings.ContainsFunc(string(v), func(r rune) bool { return r < ' ' || r > '~' }) {
						t.Fatalf("value %q is not printable", v)
					}
					if (&v[0] == &first[0]) != reuse {
						t.Fatalf("reuse %v, and the buffer is the first: %v", reuse, !reuse)
					}
				}
				if (string(first) == kept) == reuse {
					t.Errorf("reuse %v, and the first value is %q, which was %q", reuse, first[:MinValueBytes], kept[:MinValueBytes])
				}
			}
		}
	}
}
