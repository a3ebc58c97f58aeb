package store

import (
	"fmt"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// observation is one answer of Get.
type observation struct {
	key      int
	value    string
	version  uint64
	position uint64
	before   uint64 // Applied, loaded before
}

// keyWrites has, for each key, every write: position and value, "" for a Delete.
type keyWrites struct {
	positions []uint64
	values    []string
}

// last returns the last write at or before position.
func (h *keyWrites) last(position uint64) (value string, version uint64) {
	i := sort.Search(len(h.positions), func(i int) bool { return h.positions[i] > position })
	if i == 0 || h.values[i-1] == "" {
		return "", 0
	}
	return h.values[i-1], h.positions[i-1]
}

const (
	readKeys     = 4
	readMessages = 3000
)

// TestReadsBesideTheOwner reads while messages of several commands write,
// delete and write again the same few keys, with snapshots coming and going, so
// that entries leave the map early and late. Every answer must be that of the
// last write at or before the position it tells.
func TestReadsBesideTheOwner(t *testing.T) {
	s := New(Limits{})
	var out Outcome
	var stop atomic.Bool
	var readers sync.WaitGroup
	seen := make([][]observation, 3)
	for r := range seen {
		readers.Go(func() { seen[r] = observe(s, r, &stop) })
	}
	writes := writeHistory(t, s, &out)
	stop.Store(true)
	readers.Wait()
	checked := 0
	for _, list := range seen {
		for _, got := range list {
			value, version := writes[got.key].last(got.position)
			if got.value != value || got.version != version || got.position < got.before {
				t.Fatalf("read %+v, want %q of version %d", got, value, version)
			}
			checked++
		}
	}
	if checked == 0 {
		t.Error("nothing was read")
	}
}

// observe reads until stop, and keeps a bounded number of the answers.
func observe(s *Store, reader int, stop *atomic.Bool) (list []observation) {
	for i := 0; !stop.Load() && len(list) < 500_000; i++ {
		key := i % readKeys
		before := s.Applied()
		var value []byte
		var version, position uint64
		if reader == 0 && i%3 == 0 {
			value, version, position = s.variables.readExact(keyName(key), &s.applied)
		} else {
			value, version, position = s.Get(keyName(key))
		}
		list = append(list, observation{key, string(value), version, position, before})
		if i%64 == 0 {
			runtime.Gosched()
		}
	}
	return list
}

func keyName(key int) string { return fmt.Sprintf("key %d", key) }

// writeHistory applies messages and returns what they did to each key.
func writeHistory(t *testing.T, s *Store, out *Outcome) [readKeys]keyWrites {
	var writes [readKeys]keyWrites
	s.ApplyMessage(1, 1, (&wire.Command{Op: wire.OpOpenSession}).Append(nil), out)
	seq := uint64(0)
	var payload []byte
	var snapshot *Snapshot
	for m := range readMessages {
		if m%50 == 10 {
			snapshot = s.Snapshot()
		}
		if m%50 == 40 {
			snapshot.Close()
		}
		payload = payload[:0]
		count := 1 + m%5
		first := s.Applied() + 1
		for i := range count {
			seq++
			position := first + uint64(i)
			key := (m/3 + i*i) % readKeys
			c := wire.Command{Op: wire.OpSet, Session: 1, Seq: seq, Floor: seq, Key: keyName(key)}
			value := fmt.Sprintf("written at %d", position)
			if (m+i)%2 == 0 {
				c.Op, value = wire.OpDelete, ""
			}
			if c.Op == wire.OpSet {
				c.Value = []byte(value)
			}
			payload = c.Append(payload)
			writes[key].positions = append(writes[key].positions, position)
			writes[key].values = append(writes[key].values, value)
		}
		s.ApplyMessage(first, count, payload, out)
		for i, r := range out.Results {
			if r.Status != wire.StatusOK && r.Status != wire.StatusNotFound {
				t.Fatalf("command %d of message %d: %+v", i, m, r)
			}
		}
		runtime.Gosched()
	}
	return writes
}

// TestReadMidMessage shows the one case in which a read is ahead of Applied.
func TestReadMidMessage(t *testing.T) {
	s := New(Limits{})
	payload := (&wire.Command{Op: wire.OpOpenSession}).Append(nil)
	payload = (&wire.Command{Op: wire.OpSet, Session: 1, Seq: 1, Key: "k", Value: []byte("v")}).Append(payload)
	var out Outcome
	out.reset(2)
	s.applyAll(1, 2, payload, &out) // and no further
	value, version, position := s.Get("k")
	if string(value) != "v" || version != 2 || position != 2 {
		t.Errorf("read %q of version %d at %d, want v of 2 at 2", value, version, position)
	}
	s.applied.Store(2)
	s.ApplyMessage(3, 1, (&wire.Command{Op: wire.OpBarrier}).Append(nil), new(Outcome))
	if _, _, position = s.Get("k"); position != 3 {
		t.Errorf("after the message, the read reflects %d, want 3", position)
	}
}

// TestReadExactExcludesRemoval holds that no entry leaves the map while a reader
// is in readExact, and that the owner does not wait for it.
func TestReadExactExcludesRemoval(t *testing.T) {
	f := newFeeder(t, Limits{})
	session := f.open()
	f.want(wire.StatusOK, wire.Command{Op: wire.OpSet, Session: session, Seq: 1, Key: "k", Value: []byte("v")})
	f.s.variables.removal.Lock() // as a reader does
	f.want(wire.StatusOK, wire.Command{Op: wire.OpDelete, Session: session, Seq: 2, Key: "k"})
	if f.s.variables.entries.find("k") == nil {
		t.Error("the entry left the map while a reader excluded that")
	}
	f.s.variables.removal.Unlock()
	f.want(wire.StatusOK, wire.Command{Op: wire.OpBarrier})
	if f.s.variables.entries.find("k") != nil {
		t.Error("the entry did not leave the map with the next message")
	}
	if value, version, position := f.s.variables.readExact("k", &f.s.applied); value != nil || version != 0 || position != 4 {
		t.Errorf("read %q of version %d at %d, want none at 4", value, version, position)
	}
}

// TestReadExactWaitsForRemoval holds that readExact looks at nothing before it
// has the lock. A position that is loaded too early shows as one too low.
func TestReadExactWaitsForRemoval(t *testing.T) {
	s := New(Limits{})
	s.variables.removal.Lock()
	begun, answer := make(chan struct{}), make(chan uint64)
	go func() {
		close(begun)
		_, _, position := s.variables.readExact("k", &s.applied)
		answer <- position
	}()
	<-begun
	for range 100 {
		runtime.Gosched()
	}
	s.ApplyMessage(1, 1, (&wire.Command{Op: wire.OpBarrier}).Append(nil), new(Outcome))
	s.variables.removal.Unlock()
	if position := <-answer; position != 1 {
		t.Errorf("the read reflects %d, want 1", position)
	}
}

// TestReadsOfAKeyThatComesAndGoes is all about misses: one key is written and
// deleted by turns, a message each.
func TestReadsOfAKeyThatComesAndGoes(t *testing.T) {
	const messages = 20_000
	s := New(Limits{})
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !stop.Load() {
				_, version, position := s.Get("k")
				// Set at even positions, absent at odd ones.
				if want := position &^ 1; (position%2 == 0 && version != want) || (position%2 == 1 && version != 0) {
					t.Errorf("version %d at %d", version, position)
					return
				}
			}
		})
	}
	var out Outcome
	var payload []byte
	s.ApplyMessage(1, 1, (&wire.Command{Op: wire.OpOpenSession}).Append(nil), &out)
	for seq := uint64(1); seq < messages; seq++ {
		c := set(1, seq, seq, "k", "v")
		if seq%2 == 0 {
			c = wire.Command{Op: wire.OpDelete, Session: 1, Seq: seq, Floor: seq, Key: "k"}
		}
		payload = c.Append(payload[:0])
		s.ApplyMessage(seq+1, 1, payload, &out)
	}
	stop.Store(true)
	readers.Wait()
}
