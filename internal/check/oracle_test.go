package check

import (
	"bytes"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// slot is a command of one stream, taken apart.
type slot struct {
	view, seq, first uint64
	sender           string
	command          string // encoded
	cmd              wire.Command
	ok               bool
}

// oracle decides by looking at everything, as often as it takes, which checks
// a run fails.
type oracle struct {
	run   *testRun
	slots map[string]map[uint64]slot
	order map[uint64]slot
	end   uint64
	bad   map[string]bool
}

func judge(r *testRun) map[string]bool {
	o := &oracle{run: r, slots: map[string]map[uint64]slot{}, order: map[uint64]slot{}, bad: map[string]bool{}}
	o.total()
	if o.bad["total order"] {
		return o.bad // without an order there is nothing to hold the rest against
	}
	o.agreement()
	o.sessions()
	o.reads()
	o.strong()
	o.fresh()
	for _, d := range r.digests {
		if d != r.digests["n1"] {
			o.bad["convergence"] = true
		}
	}
	return o.bad
}

func (o *oracle) total() {
	for _, name := range o.run.names {
		o.slots[name] = map[uint64]slot{}
		last := uint64(0)
		for i := range o.run.streams[name] {
			d := &o.run.streams[name][i]
			if len(commandsOf(d)) != d.Count {
				o.bad["total order"] = true
			}
			for j, c := range commandsOf(d) {
				p := d.First + uint64(j)
				if last != 0 && p != last+1 {
					o.bad["total order"] = true
				}
				last = p
				s := slot{d.View, d.Seq, d.First, d.Sender, string(c.Append(nil)), c, d.Effect(j)}
				o.slots[name][p] = s
				o.order[p] = s
				o.end = max(o.end, p)
			}
		}
	}
	for _, name := range o.run.names {
		for p, s := range o.slots[name] {
			for _, other := range o.run.names {
				if t, ok := o.slots[other][p]; ok && (t.view != s.view || t.seq != s.seq || t.first != s.first ||
					t.sender != s.sender || t.command != s.command || t.ok != s.ok) {
					o.bad["total order"] = true
				}
			}
		}
		if _, ok := o.slots[name][o.end]; !ok && !o.run.ended[name] {
			o.bad["total order"] = true
		}
	}
	for p := uint64(1); p <= o.end; p++ {
		if _, ok := o.order[p]; !ok {
			o.bad["total order"] = true
		}
	}
	o.fifo()
}

func (o *oracle) fifo() {
	for p, a := range o.order {
		for q, b := range o.order {
			if a.sender == b.sender && a.first < b.first && p < q &&
				(a.view > b.view || a.view == b.view && a.seq >= b.seq) {
				o.bad["total order"] = true
			}
		}
	}
}

func (o *oracle) agreement() {
	const name = "agreement, validity"
	for p, s := range o.order {
		if !s.cmd.Op.IsWrite() {
			continue
		}
		submitted := false
		for i := range o.run.ops {
			op := &o.run.ops[i]
			if op.Session != s.cmd.Session || op.Seq != s.cmd.Seq || op.Kind.IsRead() {
				continue
			}
			submitted = true
			if s.ok && op.Status == history.Fail {
				o.bad[name] = true
			}
		}
		if !submitted {
			o.bad[name] = true
		}
		for q, other := range o.order {
			if p != q && s.ok && other.ok && other.cmd.Op.IsWrite() &&
				s.cmd.Session == other.cmd.Session && s.cmd.Seq == other.cmd.Seq {
				o.bad[name] = true
			}
		}
	}
	for i := range o.run.ops {
		if op := &o.run.ops[i]; !op.Kind.IsRead() && !o.agrees(op) {
			o.bad[name] = true
		}
	}
}

func (o *oracle) agrees(op *history.Op) bool {
	var copies []uint64
	for p := uint64(1); p <= o.end; p++ {
		if c := o.order[p].cmd; c.Op.IsWrite() && c.Session == op.Session && c.Seq == op.Seq {
			copies = append(copies, p)
		}
	}
	for _, p := range copies {
		c := o.order[p].cmd
		same := c.Op == wireOps[op.Kind] && c.Key == op.Key && bytes.Equal(c.Value, op.Value) &&
			c.Expect == op.Expect && c.Delta == op.Delta
		if !same {
			return false
		}
	}
	if op.Status == history.Unknown || op.Status == history.Fail && op.Position == 0 {
		return true
	}
	if !slices.Contains(copies, op.Position) {
		return false
	}
	if op.Status == history.Fail {
		// Of several copies without effect the first or the last has executed.
		return op.Position == copies[0] || op.Position == copies[len(copies)-1]
	}
	if op.Kind == history.Add {
		if v, _ := o.value(op.Key, op.Position); v != strconv.FormatInt(op.Sum, 10) {
			return false
		}
	}
	return o.order[op.Position].ok && (op.Kind == history.Delete || op.Version == op.Position)
}

// value carries the order out up to a position.
func (o *oracle) value(key string, position uint64) (value string, version uint64) {
	for p := uint64(1); p <= position; p++ {
		s := o.order[p]
		if !s.ok || s.cmd.Key != key {
			continue
		}
		switch s.cmd.Op {
		case wire.OpSet, wire.OpCompareAndSet:
			value, version = string(s.cmd.Value), p
		case wire.OpDelete:
			value, version = "", 0
		case wire.OpAdd:
			n := int64(0)
			if version != 0 {
				var err error
				if n, err = strconv.ParseInt(value, 10, 64); err != nil {
					o.bad["reads"] = true
				}
			}
			if overflows(n, s.cmd.Delta) {
				o.bad["reads"] = true
			}
			value, version = strconv.FormatInt(n+s.cmd.Delta, 10), p
		}
	}
	return value, version
}

func (o *oracle) sessions() {
	for i := range o.run.ops {
		if op := &o.run.ops[i]; op.Answered() && op.Position == 0 {
			o.bad["session order"] = true
		}
		for j := range o.run.ops {
			a, b := &o.run.ops[i], &o.run.ops[j]
			if a.Session != b.Session || a.End >= b.Start || a.Position == 0 || b.Position == 0 {
				continue
			}
			if b.Position < a.Position || !b.Kind.IsRead() && b.Position == a.Position {
				o.bad["session order"] = true
			}
		}
		if !o.inSequence(i) {
			o.bad["session order"] = true
		}
	}
}

// inSequence reports whether a write has its place on the right side of that of
// its session with the highest number among those that ended before it.
func (o *oracle) inSequence(i int) bool {
	op := &o.run.ops[i]
	numbered := func(other *history.Op) bool {
		return other.Session == op.Session && !other.Kind.IsRead() && other.Seq != 0 && other.Position != 0
	}
	if !numbered(op) {
		return true
	}
	var seq, position uint64
	for j := range i {
		if other := &o.run.ops[j]; numbered(other) && other.Seq > seq {
			seq, position = other.Seq, other.Position
		}
	}
	return (op.Seq > seq) == (op.Position > position)
}

func (o *oracle) reads() {
	for p, s := range o.order {
		_, version := o.value(s.cmd.Key, p-1)
		if s.ok && (s.cmd.Op == wire.OpCompareAndSet && version != s.cmd.Expect || s.cmd.Op == wire.OpDelete && version == 0) {
			o.bad["reads"] = true
		}
	}
	for i := range o.run.ops {
		op := &o.run.ops[i]
		if op.Position == 0 {
			if op.Answered() {
				o.bad["reads"] = true
			}
			continue
		}
		switch {
		case op.Kind.IsRead() && op.Position > o.end:
			o.bad["reads"] = true
		case op.Kind.IsRead():
			value, version := o.value(op.Key, op.Position)
			if version != op.Version || (op.Value == nil) != (version == 0) || string(op.Value) != value {
				o.bad["reads"] = true
			}
		case op.Because == history.Conflict:
			if _, version := o.value(op.Key, op.Position-1); version == op.Expect {
				o.bad["reads"] = true
			}
		case op.Because == history.NotFound:
			if _, version := o.value(op.Key, op.Position-1); version != 0 {
				o.bad["reads"] = true
			}
		case op.Because == history.NotInteger, op.Because == history.Overflow:
			value, version := o.value(op.Key, op.Position-1)
			n, err := strconv.ParseInt(value, 10, 64)
			switch {
			case version == 0:
				o.bad["reads"] = true
			case op.Because == history.NotInteger && err == nil:
				o.bad["reads"] = true
			case op.Because == history.Overflow && (err != nil || !overflows(n, op.Delta)):
				o.bad["reads"] = true
			}
		}
	}
	for _, s := range o.order {
		_, _ = o.value(s.cmd.Key, o.end) // finds adds to what is no number
	}
}

func (o *oracle) strong() {
	for i := range o.run.ops {
		if op := &o.run.ops[i]; op.Kind != history.Get && op.Answered() && op.Position == 0 {
			o.bad["strong reads"] = true
		}
		for j := range o.run.ops {
			a, b := &o.run.ops[i], &o.run.ops[j]
			if a.Kind != history.Get && b.Kind == history.GetStrong && a.End < b.Start &&
				b.Position > 0 && b.Position < a.Position {
				o.bad["strong reads"] = true
			}
		}
	}
}

func (o *oracle) fresh() {
	for i := range o.run.ops {
		for j := range o.run.ops {
			a, b := &o.run.ops[i], &o.run.ops[j]
			if a.Kind != history.Get && b.Kind == history.Get && a.End < b.Start-int64(testAge) &&
				b.Position > 0 && b.Position < a.Position {
				o.bad["freshness"] = true
			}
		}
	}
}

// TestAgainstOracle holds the streaming checks against one that looks at
// everything, on correct runs and on runs with up to two mistakes, the
// operations overlapping at random.
func TestAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
		r := makeRun(pick, 12)
		for range pick(3) {
			m := mutations[pick(len(mutations))]
			if m.make(r, pick) {
				t.Logf("mistake: %s", m.name)
			}
		}
		stretch(r, pick)
		want := judge(r)
		got := failures(feed(r, pick))
		if want["total order"] || got["total order"] != "" {
			if want["total order"] != (got["total order"] != "") {
				t.Fatalf("total order: oracle says bad=%v, check says %q", want["total order"], got["total order"])
			}
			return
		}
		for _, name := range []string{"agreement, validity", "session order", "reads", "strong reads", "freshness", "convergence"} {
			if want[name] != (got[name] != "") {
				t.Errorf("%s: oracle says bad=%v, check says %q", name, want[name], got[name])
			}
		}
	})
}

// stretch lets some operations begin earlier, so that they overlap.
func stretch(r *testRun, pick picker) {
	for i := range r.ops {
		r.ops[i].Start -= int64(pick(60))
	}
}
