package sim

import (
	"reflect"
	"testing"
)

// No two concerns share a source.
func TestEachConcernHasItsOwnSource(t *testing.T) {
	w := newWorld(1, Options{})
	w.begin()
	p, q := w.newProcess("p", 0, 1), w.newProcess("q", 0, 1)
	drawers := make(map[uintptr]string)
	add := func(name string, of any) {
		all := reflect.ValueOf(of).Elem()
		for i := range all.NumField() {
			field := all.Type().Field(i)
			if field.Type != reflect.TypeOf(w.random.plan) {
				continue
			}
			pointer := all.Field(i).Pointer()
			if other := drawers[pointer]; other != "" || pointer == 0 {
				t.Errorf("%s's %s has the source of %s", name, field.Name, other)
			}
			drawers[pointer] = name + "'s " + field.Name
		}
	}
	add("the world", &w.random)
	add("one process", p)
	add("another", q)
	add("one client", newClient(w, 0, 1))
	add("another client", newClient(w, 1, 1))
	if want := 21 + 2*3 + 2*7; len(drawers) != want {
		t.Errorf("%d sources, not %d", len(drawers), want)
	}
	drawn := make(map[uint64]bool)
	for i, r := range []uint64{
		w.random.traits.Uint64(), w.random.knobs.Uint64(), p.random.Uint64(), p.turns.Uint64(), q.random.Uint64(), q.turns.Uint64(),
		newClient(w, 0, 1).random.Uint64(), newClient(w, 0, 1).program.Uint64(), newClient(w, 1, 1).random.Uint64(), newClient(w, 1, 1).program.Uint64(),
		newClient(w, 0, 1).txns.Uint64(), newClient(w, 1, 1).txns.Uint64(), w.random.txns.Uint64(),
		newClient(w, 0, 1).watches.Uint64(), newClient(w, 1, 1).watches.Uint64(), w.random.watches.Uint64(), p.watches.Uint64(), q.watches.Uint64(),
		newClient(w, 0, 1).updates.Uint64(), newClient(w, 1, 1).updates.Uint64(), w.random.updates.Uint64(),
	} {
		if drawn[r] {
			t.Errorf("source %d draws what another does", i)
		}
		drawn[r] = true
	}
}

// What is gathered into a turn shifts nothing else that a process draws.
func TestKnobsShiftNothing(t *testing.T) {
	var first uint64
	for i, gather := range []Gather{Alone, Briefly, Rounds} {
		w := newWorld(1, Options{Knobs: Knobs{Gather: gather}})
		p := w.newProcess("p", 0, 1)
		if took := w.knobs.gather(p); (took == 0) != (gather == Alone) || (took > p.pace+1000) != (gather == Rounds) {
			t.Errorf("way %d gathers for %v, at a pace of %v", gather, took, p.pace)
		}
		if next := p.random.Uint64(); i == 0 {
			first = next
		} else if next != first {
			t.Errorf("way %d to gather shifts what a process draws", gather)
		}
	}
}

// A seed leaves each knob as it ships in most runs, and turns each in some. What is asked for
// counts, and shifts no other knob.
func TestKnobsAreDrawn(t *testing.T) {
	const runs = 600
	ships, asked := Knobs{Gather: Briefly, Direct: 5, Window: 2, Batch: many}, Knobs{Gather: Rounds, Direct: 4, Window: 7, Batch: 3}
	seen := make(map[string]map[int64]int)
	for seed := range uint64(runs) {
		drawn := newWorld(seed, Options{}).knobs
		if got := newWorld(seed, Options{Knobs: asked}).knobs; got != asked {
			t.Fatalf("%+v, not %+v", got, asked)
		}
		if got := newWorld(seed, Options{Knobs: Knobs{Window: 7}}).knobs; got.Gather != drawn.Gather || got.Batch != drawn.Batch || got.Direct != drawn.Direct {
			t.Fatalf("seed %d: %+v, and with another window %+v", seed, drawn, got)
		}
		all := reflect.ValueOf(drawn)
		for i := range all.NumField() {
			name := all.Type().Field(i).Name
			if seen[name] == nil {
				seen[name] = make(map[int64]int)
			}
			seen[name][all.Field(i).Int()]++
		}
	}
	for name, of := range seen {
		usual := reflect.ValueOf(ships).FieldByName(name).Int()
		if of[usual] < runs*6/10 || of[usual] > runs*3/4 || len(of) != 3 {
			t.Errorf("%s is what ships, %d, in %d of %d runs: %v", name, usual, of[usual], runs, of)
		}
	}
}
