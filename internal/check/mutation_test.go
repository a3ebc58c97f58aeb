package check

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// mutation is a mistake that a system could make. It reports whether it found
// a place in the run to make it.
type mutation struct {
	name   string
	caught string // the check that must find it
	make   func(r *testRun, pick picker) bool
}

// someMessage returns the index of a message of n2 that is not its first or
// last, -1 if there is none.
func someMessage(r *testRun, pick picker) int {
	if n := len(r.streams["n2"]); n >= 3 {
		return 1 + pick(n-2)
	}
	return -1
}

// someOp returns an operation that suits, nil if none does.
func someOp(r *testRun, pick picker, suits func(*history.Op) bool) *history.Op {
	var list []*history.Op
	for i := range r.ops {
		if suits(&r.ops[i]) {
			list = append(list, &r.ops[i])
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[pick(len(list))]
}

// appendMessage adds a message to the end of the order of all live nodes.
func appendMessage(r *testRun, effect bool, c wire.Command) {
	last := r.streams["n1"][len(r.streams["n1"])-1]
	d := wire.Delivery{
		View: last.View + 1, Sender: "n1", Incarnation: 1, Seq: 1,
		First: last.First + uint64(last.Count), Count: 1, Payload: c.Append(nil), Effects: []byte{0},
	}
	if effect {
		d.Effects[0] = 1
	}
	r.streams["n1"] = append(r.streams["n1"], d)
	r.streams["n2"] = append(r.streams["n2"], d)
}

// rewrite replaces the command at a position in all streams.
func rewrite(r *testRun, position uint64, change func(c *wire.Command, effect *bool)) {
	for _, name := range r.names {
		for i := range r.streams[name] {
			d := &r.streams[name][i]
			if position < d.First || position >= d.First+uint64(d.Count) {
				continue
			}
			cmds := commandsOf(d)
			if len(cmds) != d.Count {
				continue // another mistake has spoilt it
			}
			at := int(position - d.First)
			effect := d.Effect(at)
			change(&cmds[at], &effect)
			d.Payload, d.Effects = nil, slices.Clone(d.Effects)
			for j := range cmds {
				d.Payload = cmds[j].Append(d.Payload)
			}
			d.Effects[at/8] &^= 1 << (at % 8)
			if effect {
				d.Effects[at/8] |= 1 << (at % 8)
			}
		}
	}
}

func okWrite(o *history.Op) bool { return !o.Kind.IsRead() && o.Status == history.OK }

func readSomething(o *history.Op) bool { return o.Kind.IsRead() && o.Value != nil }

var mutations = []mutation{
	{"a node swaps two messages", "total order", func(r *testRun, pick picker) bool {
		i := someMessage(r, pick)
		if i < 0 {
			return false
		}
		a, b := &r.streams["n2"][i-1], &r.streams["n2"][i]
		*a, *b = *b, *a
		a.First, b.First = b.First, b.First+uint64(a.Count)
		return true
	}},
	{"a node skips a message", "total order", func(r *testRun, pick picker) bool {
		i := someMessage(r, pick)
		if i < 0 {
			return false
		}
		r.streams["n2"] = slices.Delete(r.streams["n2"], i, i+1)
		return true
	}},
	{"a node delivers a message twice", "total order", func(r *testRun, pick picker) bool {
		i := someMessage(r, pick)
		if i < 0 {
			return false
		}
		r.streams["n2"] = slices.Insert(r.streams["n2"], i, r.streams["n2"][i])
		return true
	}},
	{"a node delivers other bytes", "total order", func(r *testRun, pick picker) bool {
		i := someMessage(r, pick)
		if i < 0 {
			return false
		}
		d := &r.streams["n2"][i]
		d.Payload = slices.Clone(d.Payload)
		d.Payload[pick(len(d.Payload))] ^= 1
		return true
	}},
	{"a node's message has another effect", "total order", func(r *testRun, pick picker) bool {
		i := someMessage(r, pick)
		if i < 0 {
			return false
		}
		d := &r.streams["n2"][i]
		d.Effects = slices.Clone(d.Effects)
		d.Effects[0] ^= 1
		return true
	}},
	{"a node delivers in another view", "total order", func(r *testRun, pick picker) bool {
		i := someMessage(r, pick)
		if i < 0 {
			return false
		}
		r.streams["n2"][i].View++
		return true
	}},
	{"a live node stops", "total order", func(r *testRun, pick picker) bool {
		i := someMessage(r, pick)
		if i < 0 {
			return false
		}
		r.streams["n2"] = r.streams["n2"][:i]
		return true
	}},
	{"an acknowledged write is lost", "agreement, validity", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, okWrite)
		if o == nil {
			return false
		}
		rewrite(r, o.Position, func(c *wire.Command, _ *bool) { *c = wire.Command{Op: wire.OpBarrier} })
		return true
	}},
	{"an acknowledged write has no effect", "agreement, validity", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, okWrite)
		if o == nil {
			return false
		}
		rewrite(r, o.Position, func(_ *wire.Command, effect *bool) { *effect = false })
		return true
	}},
	{"a write takes effect twice", "agreement, validity", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return okWrite(o) && o.Kind == history.Set })
		if o == nil {
			return false
		}
		appendMessage(r, true, wire.Command{
			Op: wire.OpSet, Session: o.Session, Seq: o.Seq, Floor: o.Seq, Key: o.Key, Value: o.Value,
		})
		return true
	}},
	{"a write that nobody made, in a session of ours", "agreement, validity", func(r *testRun, _ picker) bool {
		appendMessage(r, true, wire.Command{Op: wire.OpSet, Session: r.sessions[0], Seq: 1e6, Key: "k0"})
		return true
	}},
	{"a write that nobody made, in another session", "agreement, validity", func(r *testRun, _ picker) bool {
		appendMessage(r, true, wire.Command{Op: wire.OpSet, Session: 1e6, Seq: 1, Key: "k0"})
		return true
	}},
	{"a write is told another position", "agreement, validity", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, okWrite)
		if o == nil {
			return false
		}
		o.Position++
		o.Version = o.Position
		return true
	}},
	{"a write is told another version", "agreement, validity", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return okWrite(o) && o.Kind != history.Delete })
		if o == nil {
			return false
		}
		o.Version++
		return true
	}},
	{"a write arrives with another value", "agreement, validity", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return okWrite(o) && o.Kind == history.Set })
		if o == nil {
			return false
		}
		o.Value = []byte("other")
		return true
	}},
	{"a write told to have failed took effect", "agreement, validity", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, okWrite)
		if o == nil {
			return false
		}
		o.Status, o.Position, o.Version = history.Fail, 0, 0
		return true
	}},
	{"an add is told another sum", "agreement, validity", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return okWrite(o) && o.Kind == history.Add })
		if o == nil {
			return false
		}
		o.Sum++
		return true
	}},
	{"a session goes back", "session order", func(r *testRun, _ picker) bool {
		for i := range r.ops {
			for j := i + 1; j < len(r.ops); j++ {
				a, b := &r.ops[i], &r.ops[j]
				if a.Session == b.Session && a.Position > 1 && b.Kind == history.Get {
					b.Position = a.Position - 1
					return true
				}
			}
		}
		return false
	}},
	{"a write at a position that its session had seen", "session order", func(r *testRun, _ picker) bool {
		for i := range r.ops {
			for j := i + 1; j < len(r.ops); j++ {
				a, b := &r.ops[i], &r.ops[j]
				if a.Session == b.Session && a.Kind.IsRead() && okWrite(b) {
					a.Position = b.Position
					return true
				}
			}
		}
		return false
	}},
	{"a read returns another value", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, readSomething)
		if o == nil {
			return false
		}
		o.Value = []byte("other")
		return true
	}},
	{"a read returns another version", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, readSomething)
		if o == nil {
			return false
		}
		o.Version--
		return true
	}},
	{"a read misses a variable", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, readSomething)
		if o == nil {
			return false
		}
		o.Value, o.Version = nil, 0
		return true
	}},
	{"a read finds a variable that is absent", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return o.Kind.IsRead() && o.Value == nil })
		if o == nil {
			return false
		}
		o.Value, o.Version = []byte{}, 1
		return true
	}},
	{"a read has a position before its value", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, readSomething)
		if o == nil {
			return false
		}
		o.Position = o.Version - 1
		return o.Position > 0
	}},
	{"a cas is refused for nothing", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return okWrite(o) && o.Kind == history.CompareAndSet })
		if o == nil {
			return false
		}
		o.Status, o.Because, o.Version = history.Fail, history.Conflict, 0
		rewrite(r, o.Position, func(_ *wire.Command, effect *bool) { *effect = false })
		return true
	}},
	{"a cas takes effect against its expectation", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return o.Because == history.Conflict })
		if o == nil {
			return false
		}
		o.Status, o.Because, o.Version = history.OK, history.Refused, o.Position
		rewrite(r, o.Position, func(_ *wire.Command, effect *bool) { *effect = true })
		return true
	}},
	{"a delete finds nothing where there was something", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return okWrite(o) && o.Kind == history.Delete })
		if o == nil {
			return false
		}
		o.Status, o.Because, o.Version = history.Fail, history.NotFound, 0
		rewrite(r, o.Position, func(_ *wire.Command, effect *bool) { *effect = false })
		return true
	}},
	{"a strong read is stale", "strong reads", func(r *testRun, _ picker) bool {
		for i := range r.ops {
			for j := i + 1; j < len(r.ops); j++ {
				a, b := &r.ops[i], &r.ops[j]
				if a.Position > 1 && !a.Kind.IsRead() && b.Kind == history.GetStrong && b.Position >= a.Position {
					b.Position = a.Position - 1
					return true
				}
			}
		}
		return false
	}},
	{"a node that was left out goes on serving", "freshness", func(r *testRun, _ picker) bool {
		for i := range r.ops {
			for j := i + 1; j < len(r.ops); j++ {
				a, b := &r.ops[i], &r.ops[j]
				if a.Position > 1 && a.Kind != history.Get && b.Kind == history.Get && b.Start-a.End > int64(testAge) {
					b.Position = a.Position - 1
					return true
				}
			}
		}
		return false
	}},
	{"an add is refused for its value for nothing", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return okWrite(o) && o.Kind == history.Add })
		if o == nil {
			return false
		}
		o.Status, o.Because, o.Version, o.Sum = history.Fail, history.NotInteger, 0, 0
		rewrite(r, o.Position, func(_ *wire.Command, effect *bool) { *effect = false })
		return true
	}},
	{"an add is refused for its sum for nothing", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return okWrite(o) && o.Kind == history.Add })
		if o == nil {
			return false
		}
		o.Status, o.Because, o.Version, o.Sum = history.Fail, history.Overflow, 0, 0
		rewrite(r, o.Position, func(_ *wire.Command, effect *bool) { *effect = false })
		return true
	}},
	{"an add is refused for the other reason", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool {
			return o.Because == history.NotInteger || o.Because == history.Overflow
		})
		if o == nil {
			return false
		}
		o.Because = history.NotInteger + history.Overflow - o.Because
		return true
	}},
	{"a read is answered without a position", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return readSomething(o) })
		if o == nil {
			return false
		}
		o.Position = 0
		return true
	}},
	{"a session's read is answered without a position", "session order", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return o.Kind.IsRead() })
		if o == nil {
			return false
		}
		o.Position = 0
		return true
	}},
	{"a strong read is answered without a position", "strong reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return o.Kind == history.GetStrong })
		if o == nil {
			return false
		}
		o.Position = 0
		return true
	}},
	{"a refused write is answered without a position", "reads", func(r *testRun, pick picker) bool {
		o := someOp(r, pick, func(o *history.Op) bool { return o.Because != history.Refused })
		if o == nil {
			return false
		}
		o.Position = 0
		return true
	}},
	{"a node's state differs", "convergence", func(r *testRun, _ picker) bool {
		r.digests["n2"]++
		return true
	}},
}

// TestMutations proves that no check is one that cannot fail: each mistake,
// made in many random runs that pass without it, is caught by the check that
// is there for it.
func TestMutations(t *testing.T) {
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			made := 0
			for seed := range uint64(40) {
				random := rand.New(rand.NewPCG(seed, 1))
				r := makeRun(random.IntN, 30)
				if bad := failures(feed(r, random.IntN)); len(bad) > 0 {
					t.Fatalf("seed %d: a correct run fails: %v", seed, bad)
				}
				if !m.make(r, random.IntN) {
					continue
				}
				made++
				if bad := failures(feed(r, random.IntN)); bad[m.caught] == "" {
					t.Errorf("seed %d: not caught by %q, only by %v", seed, m.caught, bad)
				}
			}
			if made < 10 {
				t.Errorf("the mistake was made in %d runs only", made)
			}
		})
	}
}

// failures has the first text of each check that does not pass.
func failures(results []Result) map[string]string {
	bad := map[string]string{}
	for _, r := range results {
		if !r.Pass() {
			bad[r.Name] = fmt.Sprint(r.Texts)
		}
	}
	return bad
}
