package store

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// encode reads a snapshot to its end.
func encode(snapshot *Snapshot, maxBytes int) (chunks [][]byte, err error) {
	defer snapshot.Close()
	for more := true; more; {
		var chunk []byte
		chunk, more, err = snapshot.Next(nil, maxBytes)
		if err != nil {
			return nil, err
		}
		chunks = append(chunks, chunk)
	}
	return chunks, nil
}

// restore builds a store from chunks.
func restore(limits Limits, chunks [][]byte) (*Store, error) {
	r := Restore(limits)
	for _, chunk := range chunks {
		chunk = append([]byte(nil), chunk...)
		if err := r.Chunk(chunk); err != nil {
			return nil, err
		}
		clear(chunk) // nothing may keep a reference
	}
	return r.Finish()
}

// TestSnapshotsAgainstOracle applies commands, takes snapshots here and there
// and encodes them while it goes on; each must be the state at its position,
// and the store restored from it must go on as the original did.
func TestSnapshotsAgainstOracle(t *testing.T) { rapid.Check(t, snapshotsAgainstOracle) }

func snapshotsAgainstOracle(t *rapid.T) {
	type taken struct {
		at     *oracle
		rest   int // index of the first message after it
		chunks [][]byte
		err    error
		done   chan struct{}
	}
	s, o, script := New(smallLimits), newOracle(smallLimits), newScript()
	var out Outcome
	var snapshots []*taken
	var messages []message
	defer func() {
		for _, shot := range snapshots {
			<-shot.done
		}
	}()
	for range rapid.IntRange(1, 30).Draw(t, "messages") {
		if rapid.IntRange(0, 4).Draw(t, "snapshot") == 0 {
			shot := &taken{at: o.clone(), rest: len(messages), done: make(chan struct{})}
			snapshot := s.Snapshot()
			if snapshot.Position() != o.position || snapshot.Digest() != o.digest() {
				t.Fatalf("snapshot at %d with digest %x, want %d and %x",
					snapshot.Position(), snapshot.Digest(), o.position, o.digest())
			}
			maxBytes := rapid.SampledFrom([]int{1, 100, 1 << 20}).Draw(t, "chunk")
			snapshots = append(snapshots, shot)
			go func() {
				defer close(shot.done)
				shot.chunks, shot.err = encode(snapshot, maxBytes)
			}()
		}
		m := script.message(t)
		messages = append(messages, m)
		step(t, s, o, m, &out)
		compare(t, s, o)
	}
	for _, shot := range snapshots {
		<-shot.done
		if shot.err != nil {
			t.Fatal(shot.err)
		}
		restored, err := restore(smallLimits, shot.chunks)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, restored, shot.at)
		for _, m := range messages[shot.rest:] {
			step(t, restored, shot.at, m, &out)
			compare(t, restored, shot.at)
		}
	}
}

// TestSnapshotStandsStill is the same with every interleaving that the chunks
// allow under control: one goroutine alternates between the two.
func TestSnapshotStandsStill(t *testing.T) { rapid.Check(t, snapshotStandsStill) }

func snapshotStandsStill(t *rapid.T) {
	s, o, script := New(smallLimits), newOracle(smallLimits), newScript()
	var out Outcome
	for range rapid.IntRange(0, 10).Draw(t, "messages before") {
		step(t, s, o, script.message(t), &out)
	}
	type open struct {
		*Snapshot
		at     *oracle
		chunks [][]byte
	}
	var snapshots []*open
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		switch {
		case len(snapshots) == 0 || rapid.IntRange(0, 5).Draw(t, "take") == 0:
			snapshots = append(snapshots, &open{Snapshot: s.Snapshot(), at: o.clone()})
		case rapid.IntRange(0, 1).Draw(t, "apply") == 0:
			step(t, s, o, script.message(t), &out)
			compare(t, s, o)
		case rapid.IntRange(0, 3).Draw(t, "walk") == 0:
			for _, shot := range snapshots {
				if len(shot.chunks) == 0 { // what it has passed it does not keep
					walked(t, shot.Snapshot, shot.at)
				}
			}
		default:
			i := rapid.IntRange(0, len(snapshots)-1).Draw(t, "snapshot")
			shot := snapshots[i]
			chunk, more, err := shot.Next(nil, rapid.SampledFrom([]int{1, 30}).Draw(t, "chunk"))
			if err != nil {
				t.Fatal(err)
			}
			shot.chunks = append(shot.chunks, chunk)
			if more {
				break
			}
			shot.Close()
			snapshots = append(snapshots[:i], snapshots[i+1:]...)
			restored, err := restore(smallLimits, shot.chunks)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, restored, shot.at)
		}
	}
}

// walked demands that a walk over a snapshot finds the variables of an oracle.
func walked(t *rapid.T, s *Snapshot, o *oracle) {
	found := map[string]oracleVariable{}
	s.Walk(func(key string, version uint64, bytes int) bool {
		if _, twice := found[key]; twice || bytes != len(o.variables[key].value) {
			t.Fatalf("%q is there again, or has %d bytes", key, bytes)
		}
		found[key] = oracleVariable{o.variables[key].value, version}
		return true
	})
	if !maps.Equal(found, o.variables) {
		t.Fatalf("a walk finds %v, want %v", found, o.variables)
	}
	s.Walk(func(string, uint64, int) bool {
		found = nil
		return false
	})
	if len(o.variables) > 0 && found != nil {
		t.Fatal("a walk does not begin")
	}
}

// fill sets n variables, key0 and so on, to value.
func (f *feeder) fill(session uint64, seq *uint64, n int, value string) {
	f.t.Helper()
	for i := range n {
		*seq++
		f.want(wire.StatusOK, wire.Command{
			Op: wire.OpSet, Session: session, Seq: *seq, Floor: *seq, Key: "key" + strconv.Itoa(i), Value: []byte(value),
		})
	}
}

func TestChunksAreBounded(t *testing.T) {
	f := newFeeder(t, Limits{})
	session, seq := f.open(), uint64(0)
	const n, maxBytes = 5000, 1000
	f.fill(session, &seq, n, "a value of some length")
	snapshot := f.s.Snapshot()
	defer snapshot.Close()
	prefix := []byte("prefix")
	chunks := 0
	for more := true; more; chunks++ {
		var chunk []byte
		var err error
		chunk, more, err = snapshot.Next(prefix, maxBytes)
		if err != nil {
			t.Fatal(err)
		}
		if string(chunk[:len(prefix)]) != "prefix" || len(chunk)-len(prefix) > maxBytes || len(chunk) == len(prefix) {
			t.Fatalf("chunk %d: %d bytes that begin with %.6q", chunks, len(chunk), chunk)
		}
	}
	if least := n * 22 / maxBytes; chunks < least {
		t.Errorf("%d chunks, want %d at least", chunks, least)
	}
	if chunk, more, err := snapshot.Next(nil, maxBytes); len(chunk) > 0 || more || err != nil {
		t.Errorf("after the last: %q, more: %v, %v", chunk, more, err)
	}
}

// TestClosedSnapshotsCostNothing holds that what was kept for snapshots goes
// once they are closed: versions, deleted variables and their slots.
func TestClosedSnapshotsCostNothing(t *testing.T) {
	f := newFeeder(t, Limits{})
	session, seq := f.open(), uint64(0)
	const n = 2000
	f.fill(session, &seq, n, "old")
	first := f.s.Snapshot()
	f.fill(session, &seq, n, "new")
	second := f.s.Snapshot()
	f.fill(session, &seq, n, "newer")
	f.fill(session, &seq, n, "newest") // seen by none: replaces "newer" in the chain
	for i := range n / 2 {
		seq++
		f.want(wire.StatusOK, wire.Command{Op: wire.OpDelete, Session: session, Seq: seq, Floor: seq, Key: "key" + strconv.Itoa(i)})
	}
	check := func(name string, entries, versions int) {
		t.Helper()
		barriers := make([]byte, 0, n)
		for range n {
			barriers = (&wire.Command{Op: wire.OpBarrier}).Append(barriers)
		}
		for range 5 {
			f.s.ApplyMessage(f.s.Applied()+1, n, barriers, &f.out)
		}
		kept := 0
		for e := range f.s.variables.entries.all() {
			kept++
			for p := e.past.Load(); p != nil; p = p.prev.Load() {
				kept++
			}
		}
		if got := f.s.variables.entries.count; got != entries || kept != versions {
			t.Errorf("%s: %d entries with %d versions, want %d and %d", name, got, kept, entries, versions)
		}
	}
	// n/2: tombstone, new, old. n/2: newest, new, old. The tombstone's "newest"
	// is seen by none.
	check("two open", n, 3*n)
	first.Close()
	check("the older closed", n, 2*n)
	first.Close()
	second.Close()
	check("both closed", n/2, n/2)
	if f.s.variables.chained.Len() != 0 || f.s.variables.tombstones.Len() != 0 {
		t.Errorf("%d entries chained, %d tombstones", f.s.variables.chained.Len(), f.s.variables.tombstones.Len())
	}
	f.fill(session, &seq, n, "again")
	if used := f.s.variables.slots.used; used != n {
		t.Errorf("%d slots used for %d variables", used, n)
	}
	if len(f.s.opened.list) != 0 {
		t.Errorf("%d snapshots open", len(f.s.opened.list))
	}
}

// TestSnapshotLetsGo holds that a snapshot keeps no old version of a variable that
// it has encoded, be the variable written before or after that.
func TestSnapshotLetsGo(t *testing.T) {
	f := newFeeder(t, Limits{})
	session, seq := f.open(), uint64(0)
	const n = 2000
	f.fill(session, &seq, n, "old")
	snapshot := f.s.Snapshot()
	defer snapshot.Close()
	f.fill(session, &seq, n, "new") // keeps all that is old
	kept := func() (versions int) {
		for e := range f.s.variables.entries.all() {
			for p := e.past.Load(); p != nil; p = p.prev.Load() {
				versions++
			}
		}
		return versions
	}
	if got := kept(); got != n {
		t.Fatalf("%d old versions are kept, want %d", got, n)
	}
	most := n
	for more := true; more; {
		var err error
		if _, more, err = snapshot.Next(nil, 100); err != nil {
			t.Fatal(err)
		}
		f.fill(session, &seq, 10, "newer") // also gives the store messages to let go with
		// A step, and what the store has yet to look at for the last one, may lag.
		if most = n - int(snapshot.passed.Load()); kept() > most+2*n/trimSteps {
			t.Fatalf("%d old versions are kept with %d variables to encode", kept(), most)
		}
	}
	if most != 0 {
		t.Errorf("%d variables are not encoded", most)
	}
}

func TestClosedSnapshotRefuses(t *testing.T) {
	snapshot := New(Limits{}).Snapshot()
	snapshot.Close()
	snapshot.Close()
	if _, more, err := snapshot.Next(nil, 100); more || !errors.Is(err, ErrClosed) {
		t.Errorf("more: %v, error %v, want ErrClosed", more, err)
	}
}

// TestSnapshotSeesDamage changes a value behind the store's back.
func TestSnapshotSeesDamage(t *testing.T) {
	f := newFeeder(t, Limits{})
	session := f.open()
	f.want(wire.StatusOK, wire.Command{Op: wire.OpSet, Session: session, Seq: 1, Key: "k", Value: []byte("right")})
	value, _, _ := f.s.Get("k")
	value[0] ^= 1
	if _, err := encode(f.s.Snapshot(), 1<<20); !errors.Is(err, ErrDigest) {
		t.Errorf("error %v, want ErrDigest", err)
	}
}

// TestManySnapshots opens more than one at a position, and closes them in
// another order.
func TestManySnapshots(t *testing.T) {
	f := newFeeder(t, Limits{})
	session, seq := f.open(), uint64(0)
	var snapshots []*Snapshot
	for i := range 6 {
		f.fill(session, &seq, 3, fmt.Sprintf("value %d", i/2))
		snapshots = append(snapshots, f.s.Snapshot(), f.s.Snapshot())
	}
	for _, i := range []int{11, 0, 5, 4, 10, 1, 9, 2, 3, 8, 6, 7} {
		f.fill(session, &seq, 3, "later")
		want := snapshots[i].Digest()
		chunks, err := encode(snapshots[i], 50)
		if err != nil {
			t.Fatal(err)
		}
		restored, err := restore(Limits{}, chunks)
		if err != nil {
			t.Fatal(err)
		}
		value, _, _ := restored.Get("key1")
		if wantValue := fmt.Sprintf("value %d", i/4); string(value) != wantValue || restored.Digest() != want {
			t.Errorf("snapshot %d: %q with digest %x, want %q and %x", i, value, restored.Digest(), wantValue, want)
		}
	}
}

// TestOwnerWaitsForFewSessions holds that however large a chunk is, the lock is
// let go after a bounded number of sessions.
func TestOwnerWaitsForFewSessions(t *testing.T) {
	f := newFeeder(t, Limits{})
	for range 2*sessionsPerLock + 10 {
		f.open()
	}
	snapshot := f.s.Snapshot()
	defer snapshot.Close()
	p := part{limit: 1 << 30}
	for _, next := range []uint32{sessionsPerLock + 1, 2*sessionsPerLock + 1, 2*sessionsPerLock + 11} {
		if !snapshot.encodeSomeSessions(&p) || snapshot.nextSession != next {
			t.Errorf("the next session is number %d, want %d", snapshot.nextSession, next)
		}
	}
}
