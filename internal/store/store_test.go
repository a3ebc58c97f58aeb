package store

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// step applies a message to both, and compares what each command did.
func step(t *rapid.T, s *Store, o *oracle, m message, out *Outcome) {
	payload := append([]byte(nil), m.payload...)
	s.ApplyMessage(m.first, len(m.commands), payload, out)
	clear(payload) // nothing may keep a reference
	if len(out.Results) != len(m.commands) || len(out.Effects) != (len(m.commands)+7)/8 {
		t.Fatalf("%d results and %d bytes of effects for %d commands", len(out.Results), len(out.Effects), len(m.commands))
	}
	for i, c := range m.commands {
		want, effect := o.apply(c)
		if got := out.Results[i]; got != want {
			t.Fatalf("command %+v: result %+v, want %+v", c, got, want)
		}
		if got := dataOf(out, i); string(got) != o.data {
			t.Fatalf("command %+v: data %q, want %q", c, got, o.data)
		}
		if got := out.Effects[i/8]>>(i%8)&1 == 1; got != effect {
			t.Fatalf("command %+v: took effect: %v, want %v", c, got, effect)
		}
	}
	if s.Applied() != o.position {
		t.Fatalf("applied %d, want %d", s.Applied(), o.position)
	}
}

// dataOf returns the data of a result.
func dataOf(out *Outcome, index int) []byte {
	for _, d := range out.Data {
		if d.Index == index {
			return d.Bytes
		}
	}
	return nil
}

// compare compares all that can be read of both.
func compare(t *rapid.T, s *Store, o *oracle) {
	seen := 0
	for _, key := range []string{"", "\x00k", "ninebytes", "eightbyt", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11", "k12", "k13", "k14"} {
		value, version, position := s.Get(key)
		want, exists := o.variables[key]
		if exists {
			seen++
		}
		if string(value) != want.value || version != want.version || position != o.position || exists != (value != nil) {
			t.Fatalf("%q: %q of version %d at %d, want %q of version %d at %d",
				key, value, version, position, want.value, want.version, o.position)
		}
	}
	if seen != len(o.variables) {
		t.Fatalf("compared %d variables of %d", seen, len(o.variables))
	}
	for id := uint64(1); id <= o.position; id++ {
		want, exists := o.sessions[id]
		switch lock, alive := s.SessionLock(id); {
		case alive != exists:
			t.Fatalf("session %d is alive: %v, want %v", id, alive, exists)
		case alive && want.lock != "" && string(lock[:]) != want.lock, alive && want.lock == "" && lock != wire.Lock{}:
			t.Fatalf("session %d has the lock %x, want %x", id, lock, want.lock)
		}
	}
	if got, want := s.Digest(), o.digest(); got != want {
		t.Fatalf("digest %x, want %x", got, want)
	}
}

func TestStoreAgainstOracle(t *testing.T) { rapid.Check(t, storeAgainstOracle) }

func storeAgainstOracle(t *rapid.T) {
	s, o, script := New(smallLimits), newOracle(smallLimits), newScript()
	var out Outcome
	var verdicts []oracleVerdict
	for range rapid.IntRange(1, 40).Draw(t, "messages") {
		step(t, s, o, script.message(t), &out)
		for _, v := range out.Notes.Verdicts {
			verdicts = append(verdicts, oracleVerdict(v))
		}
		compare(t, s, o)
		compareSessions(t, s, o)
	}
	if diff := cmp.Diff(o.verdicts, verdicts); diff != "" {
		t.Fatalf("verdicts (-want +got):\n%s", diff)
	}
}

// feeder passes single commands to a store.
type feeder struct {
	t   *testing.T
	s   *Store
	out Outcome

	payload []byte // scratch
}

func newFeeder(t *testing.T, limits Limits) *feeder {
	return &feeder{t: t, s: New(limits)}
}

func (f *feeder) apply(c wire.Command) (wire.Result, bool) {
	f.s.ApplyMessage(f.s.Applied()+1, 1, c.Append(nil), &f.out)
	return f.out.Results[0], f.out.Effects[0] == 1
}

// want applies a command and checks its status.
func (f *feeder) want(status wire.Status, c wire.Command) wire.Result {
	f.t.Helper()
	r, effect := f.apply(c)
	if r.Status != status || effect != (status == wire.StatusOK) {
		f.t.Fatalf("%+v: %+v, took effect: %v; want status %d", c, r, effect, status)
	}
	return r
}

// open opens a session.
func (f *feeder) open() uint64 {
	f.t.Helper()
	return f.want(wire.StatusOK, wire.Command{Op: wire.OpOpenSession}).Position
}

func TestApplyMessagePanicsOnAGap(t *testing.T) {
	for _, first := range []uint64{0, 2, 7} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a first message at %d was taken", first)
				}
			}()
			New(Limits{}).ApplyMessage(first, 1, nil, new(Outcome))
		}()
	}
}

func TestEachCommandTakesOnePosition(t *testing.T) {
	s := New(Limits{})
	var out Outcome
	barrier := wire.Command{Op: wire.OpBarrier}
	payload := append(barrier.Append(nil), 0xff)
	payload = barrier.Append(payload)
	s.ApplyMessage(1, 3, payload, &out)
	want := []wire.Result{
		{Status: wire.StatusOK, Position: 1},
		{Status: wire.StatusBadRequest, Position: 2},
		{Status: wire.StatusBadRequest, Position: 3},
	}
	if diff := cmp.Diff(want, out.Results); diff != "" || out.Effects[0] != 1 {
		t.Errorf("effects %b, results (-want +got):\n%s", out.Effects, diff)
	}
	s.ApplyMessage(4, 0, nil, &out)
	if s.Applied() != 3 || len(out.Results) != 0 || len(out.Effects) != 0 {
		t.Errorf("a message without commands: applied %d, outcome %+v", s.Applied(), out)
	}
}

func TestAllocations(t *testing.T) {
	f := newFeeder(t, Limits{})
	session := f.open()
	value := make([]byte, 100)
	set := wire.Command{Op: wire.OpSet, Session: session, Key: "key", Value: value}
	var payload []byte
	write := func() {
		set.Seq++
		set.Floor = set.Seq
		payload = set.Append(payload[:0])
		f.s.ApplyMessage(f.s.Applied()+1, 1, payload, &f.out)
		if f.out.Results[0].Status != wire.StatusOK {
			t.Fatal("the write failed")
		}
	}
	write()
	for _, c := range []struct {
		name string
		most float64
		f    func()
	}{
		{"Set of an existing variable", 1, write},
		{"Get", 0, func() { f.s.Get("key") }},
		{"Get of no variable", 0, func() { f.s.Get("no such key") }},
		{"Digest", 0, func() { f.s.Digest() }},
	} {
		if got := testing.AllocsPerRun(1000, c.f); got > c.most {
			t.Errorf("%s: %v allocations, want %v at most", c.name, got, c.most)
		}
	}
}

// maxBytesPerVariable is what a variable with a key of 16 and a value of 100 bytes
// may take on the heap: two and a half times its bytes.
const maxBytesPerVariable = (16 + benchValueBytes) * 5 / 2

func TestMemoryOfVariables(t *testing.T) {
	const n = 20_000
	before := heapBytes()
	s, _ := fillStore(t, n)
	each := float64(heapBytes()-before) / n
	runtime.KeepAlive(s)
	if each > maxBytesPerVariable {
		t.Errorf("%.0f bytes for each variable, want %d at most", each, maxBytesPerVariable)
	}
}
