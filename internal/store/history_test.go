package store

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// past is what an oracle had at each position.
type pastStates struct {
	states []map[string]oracleVariable // by position
}

func (p *pastStates) note(o *oracle) {
	for uint64(len(p.states)) < o.position {
		p.states = append(p.states, nil) // within a message nobody looks
	}
	p.states = append(p.states, maps.Clone(o.variables))
}

// compareHistory reads the store at all positions of the past, and follows it from each.
func compareHistory(t *rapid.T, s *Store, p *pastStates) {
	now := p.states[len(p.states)-1]
	for position, state := range p.states {
		if state == nil {
			continue
		}
		compareAt(t, s, uint64(position), state)
		cursor, err := s.Seek(uint64(position))
		if kept := s.Kept() <= uint64(position); kept != (err == nil) {
			t.Fatalf("a cursor at %d: %v, and changes are kept from %d on", position, err, s.Kept())
		}
		if err != nil {
			continue
		}
		replayed := maps.Clone(state)
		most := rapid.IntRange(1, 5).Draw(t, "changes at a time")
		upTo := replay(t, s, cursor, most, replayed)
		if upTo != s.Applied() || !maps.Equal(replayed, now) {
			t.Fatalf("from %d on the changes lead to %v at %d, want %v at %d", position, replayed, upTo, now, s.Applied())
		}
	}
}

// compareAt reads all variables at a position.
func compareAt(t *rapid.T, s *Store, position uint64, state map[string]oracleVariable) {
	for _, key := range []string{"", "ninebytes", "eightbyt", "k0", "k1", "k2", "k3", "k4", "k5", "k6"} {
		value, version, err := s.GetAt(key, position)
		if errors.Is(err, ErrForgotten) && s.Kept() > position {
			continue
		}
		if want := state[key]; err != nil || string(value) != want.value || version != want.version {
			t.Fatalf("%q at %d: %q of version %d (%v), want %q of version %d", key, position, value, version, err, want.value, want.version)
		}
	}
}

// replay applies the changes from a cursor on to a state, and returns how far they go.
func replay(t *rapid.T, s *Store, cursor uint64, most int, state map[string]oracleVariable) (upTo uint64) {
	last := true
	for {
		changes, next, position, err := s.AppendChanges(nil, cursor, most)
		if err != nil {
			t.Fatal(err)
		}
		if !last && len(changes) > 0 && changes[0].Position == upTo {
			t.Fatalf("the changes at %d are torn", upTo)
		}
		for _, c := range changes {
			old := state[c.Key]
			if c.OldVersion != old.version || string(c.Old) != old.value || c.Position <= upTo && last || c.Deleted != (c.Value == nil) {
				t.Fatalf("%+v, before: %+v", c, old)
			}
			last, upTo = c.Last, c.Position
			if c.Deleted {
				delete(state, c.Key)
			} else {
				state[c.Key] = oracleVariable{string(c.Value), c.Position}
			}
		}
		if cursor = next; len(changes) == 0 {
			return position
		}
	}
}

// TestHistoryAgainstOracle keeps much or little, and restores snapshots with and without
// what is kept.
func TestHistoryAgainstOracle(t *testing.T) { rapid.Check(t, historyAgainstOracle) }

func historyAgainstOracle(t *rapid.T) {
	bytes := rapid.SampledFrom([]int{0, 1, 500, 5_000, 1 << 20}).Draw(t, "history")
	s, o, script := New(smallLimits), newOracle(smallLimits), newScript()
	s.KeepHistory(bytes)
	past := &pastStates{states: []map[string]oracleVariable{{}}}
	var out Outcome
	for range rapid.IntRange(1, 60).Draw(t, "messages") {
		step(t, s, o, script.message(t), &out)
		past.note(o)
		if rapid.IntRange(0, 9).Draw(t, "restore") == 0 {
			s = restoredWithHistory(t, s, bytes)
		}
	}
	compare(t, s, o)
	compareHistory(t, s, past)
}

// restoredWithHistory returns a store that goes on from a snapshot.
func restoredWithHistory(t *rapid.T, s *Store, bytes int) *Store {
	snapshot := s.Snapshot()
	included := rapid.Bool().Draw(t, "with history")
	if included {
		snapshot.IncludeHistory()
	}
	kept := s.Kept()
	chunks, err := encode(snapshot, rapid.SampledFrom([]int{1, 200, 1 << 20}).Draw(t, "chunk"))
	if err != nil {
		t.Fatal(err)
	}
	r := Restore(smallLimits)
	r.KeepHistory(bytes)
	for _, chunk := range chunks {
		if err := r.Chunk(chunk); err != nil {
			t.Fatal(err)
		}
		clear(chunk)
	}
	restored, err := r.Finish()
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case included && restored.Kept() != kept:
		t.Fatalf("changes are kept from %d on, before from %d on", restored.Kept(), kept)
	case !included && restored.Kept() != s.Applied():
		t.Fatalf("changes are kept from %d on, and none came", restored.Kept())
	}
	return restored
}

// TestHistoryBesideTheOwner reads the past and follows the changes while they are made and
// forgotten.
func TestHistoryBesideTheOwner(t *testing.T) {
	s := New(Limits{})
	s.KeepHistory(100_000)
	var out Outcome
	var stop atomic.Bool
	var readers sync.WaitGroup
	type seen struct {
		key             int
		value           string
		version, before uint64
	}
	var looked [2][]seen
	for r := range looked {
		readers.Go(func() {
			for i := 0; !stop.Load() && len(looked[r]) < 200_000; i++ {
				before := s.Applied()
				before -= min(before, uint64(i%300))
				value, version, err := s.GetAt(keyName(i%readKeys), before)
				if err == nil {
					looked[r] = append(looked[r], seen{i % readKeys, string(value), version, before})
				}
				if i%64 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	var followed []Change
	readers.Go(func() {
		cursor := uint64(0)
		for done := false; !done; {
			done = stop.Load()
			changes, next, position, err := s.AppendChanges(nil, cursor, 50)
			if err != nil {
				cursor = s.variables.history.end.Load()
				continue
			}
			if n := len(changes); n > 0 && changes[n-1].Position > position {
				panic("a change above the position")
			}
			followed, cursor = append(followed, changes...), next
			runtime.Gosched()
		}
	})
	writes := writeHistory(t, s, &out)
	stop.Store(true)
	readers.Wait()
	for _, list := range looked {
		for _, got := range list {
			if value, version := writes[got.key].last(got.before); got.value != value || got.version != version {
				t.Fatalf("read %+v, want %q of version %d", got, value, version)
			}
		}
	}
	for i, c := range followed {
		if i > 0 && c.Position <= followed[i-1].Position {
			t.Fatalf("change %+v after %+v", c, followed[i-1])
		}
		key := slices.IndexFunc([]int{0, 1, 2, 3}, func(k int) bool { return keyName(k) == c.Key })
		value, version := writes[key].last(c.Position)
		old, oldVersion := writes[key].last(c.Position - 1)
		if string(c.Value) != value || !c.Deleted && c.Position != version || c.Deleted != (value == "") || string(c.Old) != old || c.OldVersion != oldVersion {
			t.Fatalf("%+v, want %q after %q of version %d", c, value, old, oldVersion)
		}
	}
	if len(looked[0]) == 0 || len(followed) == 0 {
		t.Error("nothing was read")
	}
	t.Logf("%d and %d reads, %d changes", len(looked[0]), len(looked[1]), len(followed))
}

// TestHistoryIsBounded writes and deletes much, and holds that little is kept: neither
// changes nor the entries of deleted variables.
func TestHistoryIsBounded(t *testing.T) {
	f := newFeeder(t, Limits{})
	const most = 1 << 16
	f.s.KeepHistory(most)
	session := f.open()
	value := make([]byte, 1000)
	for i := range 5000 {
		seq := uint64(2*i + 1)
		f.want(wire.StatusOK, wire.Command{Op: wire.OpSet, Session: session, Seq: seq, Floor: seq, Key: fmt.Sprint(i), Value: value})
		f.want(wire.StatusOK, wire.Command{Op: wire.OpDelete, Session: session, Seq: seq + 1, Floor: seq, Key: fmt.Sprint(i)})
		h := &f.s.variables.history
		if h.bytes > most+most/chunksPerHistory+2000 || len(h.chunks) > 2*chunksPerHistory || f.s.variables.entries.count > most/100 {
			t.Fatalf("after %d writes %d bytes are kept in %d chunks, and %d entries", seq+1, h.bytes, len(h.chunks), f.s.variables.entries.count)
		}
	}
	if kept := f.s.Applied() - f.s.Kept(); kept < 50 {
		t.Errorf("changes of %d positions are kept", kept)
	}
}

// TestRestoreRefusesImpossibleHistory changes each byte of a snapshot with history.
func TestRestoreRefusesImpossibleHistory(t *testing.T) {
	f := newFeeder(t, Limits{})
	f.s.KeepHistory(1 << 20)
	session := f.open()
	for i, c := range []wire.Command{
		{Op: wire.OpSet, Key: "a", Value: []byte("1")},
		{Op: wire.OpSet, Key: "b", Value: []byte("2")},
		{Op: wire.OpSet, Key: "a", Value: []byte("3")},
		{Op: wire.OpDelete, Key: "b"},
		{Op: wire.OpSet, Key: "b", Value: []byte("4")},
		{Op: wire.OpDelete, Key: "a"},
	} {
		c.Session, c.Seq, c.Floor = session, uint64(i+1), 1
		f.want(wire.StatusOK, c)
	}
	snapshot := f.s.Snapshot()
	snapshot.IncludeHistory()
	chunks, err := encode(snapshot, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	whole := slices.Concat(chunks...)
	for i := range whole {
		for _, bit := range []byte{1, 2, 0x80} {
			changed := slices.Clone(whole)
			changed[i] ^= bit
			if s, err := restore(Limits{}, [][]byte{changed}); err == nil {
				t.Fatalf("byte %d changed by %x: restored with digest %x", i, bit, s.Digest())
			}
		}
	}
}
