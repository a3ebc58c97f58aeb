package fault

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A random schedule is possible, the same each time, and can be written down; at
// every moment, and as long after as healing may take, there is a node that no
// fault touches.
func TestRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed, nodes := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 9).Draw(t, "nodes")
		duration := time.Duration(rapid.Int64Range(0, int64(15*time.Minute)).Draw(t, "duration"))
		s, err := Random(seed, nodes, duration)
		again, againErr := Random(seed, nodes, duration)
		if !reflect.DeepEqual(s, again) || (err == nil) != (againErr == nil) {
			t.Fatalf("first %v, %v, then %v, %v", s, err, again, againErr)
		}
		if err != nil {
			if !errors.Is(err, ErrTooShort) || duration >= LeastRandom {
				t.Fatal(err)
			}
			return
		}
		if err := s.Validate(nodes, duration); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if read, err := Parse(s.String()); err != nil || !reflect.DeepEqual(read, s) {
			t.Fatalf("%s is read as %s, %v", s, read, err)
		}
		checkSomeoneIsLeft(t, s, nodes)
		for i := range s {
			if end := s[i].End(0); end+leastGap > duration {
				t.Fatalf("%s has no time to heal before the end, %v", &s[i], duration)
			}
		}
	})
}

// Every seed has faults in the shortest time.
func TestLeastRandom(t *testing.T) {
	for nodes := 1; nodes <= 9; nodes++ {
		for seed := range uint64(300) {
			if s, err := Random(seed, nodes, LeastRandom); err != nil || len(s) == 0 {
				t.Errorf("seed %d, %d nodes: %d faults, %v", seed, nodes, len(s), err)
			}
		}
	}
	if _, err := Random(7, 5, LeastRandom-1); !errors.Is(err, ErrTooShort) {
		t.Errorf("a moment less: %v", err)
	}
}

// checkSomeoneIsLeft looks at the moments when faults begin.
func checkSomeoneIsLeft(t *rapid.T, s Schedule, nodes int) {
	for i := range s {
		touched, standing := make(map[string]bool), 0
		for j := range s {
			f := &s[j]
			end := f.End(0)
			if k := slices.IndexFunc(s, func(r Fault) bool {
				return r.Kind == Restart && r.At >= f.At && slices.Equal(r.Nodes, f.Nodes)
			}); f.Kind == Kill && f.For == 0 && k >= 0 {
				end = s[k].At
			} else if f.Kind == Restart {
				continue // its kill counts
			}
			if f.At > s[i].At || end+leastGap <= s[i].At {
				continue
			}
			standing++
			for _, name := range append([]string{f.A, f.B}, f.Nodes...) {
				if name != "" && name != Registry {
					touched[name] = true
				}
			}
		}
		if len(touched) >= nodes || standing > 2 {
			t.Fatalf("%s: at %v %d faults stand, upon %v of %d nodes", s, s[i].At, standing, touched, nodes)
		}
	}
}

// In half an hour there is everything, and some of it overlaps.
func TestRandomHasAll(t *testing.T) {
	for seed := range uint64(50) {
		s, err := Random(seed, 5, 30*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		kinds := make(map[Kind]int)
		var oneWay, isolated, fromRegistry, many, overlapping int
		for i := range s {
			f := &s[i]
			kinds[f.Kind]++
			count := func(n *int, is bool) {
				if is {
					*n++
				}
			}
			count(&oneWay, f.OneWay)
			count(&isolated, f.A != "" && f.B == "")
			count(&fromRegistry, f.B == Registry && !f.OneWay)
			count(&many, len(f.Nodes) > 1)
			count(&overlapping, i > 0 && s[i-1].End(0) > f.At)
		}
		for _, kind := range []Kind{Kill, Leave, Restart, Pause, Cut, Reset, Slow, RegistryAway, DiskFull} {
			if kinds[kind] < 5 {
				t.Errorf("seed %d: %d of %s", seed, kinds[kind], kind)
			}
		}
		if oneWay < 5 || isolated < 5 || fromRegistry < 5 || many < 5 || overlapping < 5 || len(s) < 100 {
			t.Errorf("seed %d: of %d faults %d one way, %d isolating, %d from the registry, %d of several, %d overlapping",
				seed, len(s), oneWay, isolated, fromRegistry, many, overlapping)
		}
		if other, err := Random(seed+1, 5, 30*time.Minute); err != nil || reflect.DeepEqual(s, other) {
			t.Errorf("seeds %d and %d give the same", seed, seed+1)
		}
	}
}
