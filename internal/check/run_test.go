package check

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// testRun is a whole run: what nodes delivered and clients were told.
type testRun struct {
	names    []string
	streams  map[string][]wire.Delivery
	ended    map[string]bool
	sessions []uint64
	ops      []history.Op // by end
	digests  map[string]uint64
}

// picker returns a number below n.
type picker func(n int) int

// maker makes a correct run by executing commands one after the other.
type maker struct {
	pick    picker
	now     int64
	order   []wire.Delivery
	next    uint64
	values  map[string]cell
	history []map[string]cell // state after each position
	seqs    map[uint64]uint64
	seen    map[uint64]uint64
	msgSeq  map[string]uint64
	acked   uint64
	acks    []moment // whenever acked rose
	run     *testRun
}

type cell struct {
	value   string
	version uint64
}

// makeRun makes a correct run of n operations.
func makeRun(pick picker, n int) *testRun {
	m := &maker{
		pick: pick, next: 1, values: map[string]cell{}, history: []map[string]cell{{}},
		seqs: map[uint64]uint64{}, seen: map[uint64]uint64{}, msgSeq: map[string]uint64{},
		run: &testRun{
			names:   []string{"n1", "n2", "n3"},
			streams: map[string][]wire.Delivery{},
			ended:   map[string]bool{},
			digests: map[string]uint64{"n1": 7, "n2": 7, "n3": 7},
		},
	}
	for range 3 {
		id := m.next
		m.message("n1", wire.Command{Op: wire.OpOpenSession})
		m.run.sessions = append(m.run.sessions, id)
		m.seen[id] = id
	}
	for range n {
		m.step()
	}
	// One node from the beginning, one joined on the way, one died.
	joined, died := m.pick(len(m.order)), m.pick(len(m.order)+1)
	m.run.streams["n1"] = slices.Clone(m.order)
	m.run.streams["n2"] = slices.Clone(m.order[joined:])
	m.run.streams["n3"] = slices.Clone(m.order[:died])
	m.run.ended["n3"] = true
	slices.SortStableFunc(m.run.ops, func(a, b history.Op) int { return int(a.End - b.End) })
	return m.run
}

// step makes one operation, or a few commands of nobody's.
func (m *maker) step() {
	client := m.pick(len(m.run.sessions))
	session := m.run.sessions[client]
	key := "k" + strconv.Itoa(m.pick(3))
	m.now += 10
	op := history.Op{Client: client, Session: session, Key: key, Node: "n1", Start: m.now, Status: history.OK}
	head := m.next - 1
	switch m.pick(8) {
	case 0, 1:
		op.Kind = history.Get
		least := max(m.seen[session], m.ackedBefore(op.Start-int64(testAge)))
		m.read(&op, least+uint64(m.pick(int(head-least)+1)))
	case 2:
		op.Kind = history.GetStrong
		m.read(&op, max(head-uint64(m.pick(2)), m.acked, m.seen[session]))
	case 3:
		op.Kind, op.Value = history.Set, []byte(fmt.Sprintf("v%d", m.now))
		m.write(&op)
	case 4:
		op.Kind = history.Delete
		m.write(&op)
	case 5:
		op.Kind, op.Delta = history.Add, int64(m.pick(5))-2
		if m.pick(4) == 0 {
			op.Delta = math.MaxInt64 - op.Delta&3
		}
		m.write(&op)
	case 6:
		op.Kind, op.Value = history.CompareAndSet, []byte(fmt.Sprintf("c%d", m.now))
		if m.pick(3) > 0 {
			op.Expect = m.values[key].version
		}
		m.write(&op)
	case 7:
		m.message("n2", wire.Command{Op: wire.OpBarrier}, wire.Command{Op: wire.OpTick, Delta: 5})
		return
	}
	m.now += 10
	op.End = m.now
	if op.Status != history.Unknown && op.Position > 0 {
		m.seen[session] = max(m.seen[session], op.Position)
		if op.Kind != history.Get {
			m.acked = max(m.acked, op.Position)
			m.acks = append(m.acks, moment{op.End, m.acked})
		}
	}
	m.run.ops = append(m.run.ops, op)
}

// testAge is how old what a plain read reflects may be.
const testAge = 45 * time.Nanosecond

// ackedBefore is the highest position that was acknowledged before a time.
func (m *maker) ackedBefore(time int64) (position uint64) {
	for _, a := range m.acks {
		if a.end < time {
			position = a.seen
		}
	}
	return position
}

func (m *maker) read(op *history.Op, position uint64) {
	op.Position = position
	if c, ok := m.history[position][op.Key]; ok {
		op.Value, op.Version = []byte(c.value), c.version
	}
}

func (m *maker) write(op *history.Op) {
	m.seqs[op.Session]++
	op.Seq = m.seqs[op.Session]
	cmd := wire.Command{
		Op: wireOps[op.Kind], Session: op.Session, Seq: op.Seq, Floor: op.Seq,
		Key: op.Key, Value: op.Value, Expect: op.Expect, Delta: op.Delta,
	}
	op.Position = m.next
	sum, because, ok := m.message("n1", cmd)
	if ok {
		op.Version, op.Sum = op.Position, sum
	} else {
		op.Status, op.Because = history.Fail, because
	}
	if m.pick(4) == 0 {
		m.message("n2", cmd) // a retry that arrived late
	}
	if m.pick(6) == 0 {
		op.Status, op.Position, op.Version, op.Because = history.Unknown, 0, 0, history.Refused
	}
}

// message orders commands as one message, the first of which is told about.
func (m *maker) message(sender string, cmds ...wire.Command) (sum int64, because history.Refusal, ok bool) {
	m.msgSeq[sender]++
	d := wire.Delivery{
		View: 1, Sender: sender, Incarnation: 1, Seq: m.msgSeq[sender],
		First: m.next, Count: len(cmds), Effects: make([]byte, (len(cmds)+7)/8),
	}
	for i := range cmds {
		d.Payload = cmds[i].Append(d.Payload)
		s, b, done := m.execute(&cmds[i])
		if i == 0 {
			sum, because, ok = s, b, done
		}
		if done {
			d.Effects[i/8] |= 1 << (i % 8)
		}
	}
	m.order = append(m.order, d)
	return sum, because, ok
}

func (m *maker) execute(c *wire.Command) (sum int64, because history.Refusal, ok bool) {
	position := m.next
	m.next++
	old, there := m.values[c.Key]
	ok = true
	if c.Op.IsWrite() && m.done(c) {
		ok = false
	} else {
		switch c.Op {
		case wire.OpSet:
			m.values[c.Key] = cell{string(c.Value), position}
		case wire.OpDelete:
			ok, because = there, history.NotFound
			delete(m.values, c.Key)
		case wire.OpCompareAndSet:
			if ok, because = old.version == c.Expect, history.Conflict; ok {
				m.values[c.Key] = cell{string(c.Value), position}
			}
		case wire.OpAdd:
			n, err := strconv.ParseInt(old.value, 10, 64)
			switch ok = err == nil || !there; {
			case !ok:
				because = history.NotInteger
			case overflows(n, c.Delta):
				ok, because = false, history.Overflow
			default:
				sum = n + c.Delta
				m.values[c.Key] = cell{strconv.FormatInt(sum, 10), position}
			}
		}
	}
	now := make(map[string]cell, len(m.values))
	for k, v := range m.values {
		now[k] = v
	}
	m.history = append(m.history, now)
	return sum, because, ok
}

// overflows says what version.overflows does, the slow way.
func overflows(a, b int64) bool {
	sum := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
	return !sum.IsInt64()
}

// done reports whether a copy of c is in the order already.
func (m *maker) done(c *wire.Command) bool {
	for i := range m.order {
		for _, other := range commandsOf(&m.order[i]) {
			if other.Session == c.Session && other.Seq == c.Seq {
				return true
			}
		}
	}
	return false
}

func commandsOf(d *wire.Delivery) []wire.Command {
	var list []wire.Command
	for rest := d.Payload; len(rest) > 0; {
		c, after, err := wire.DecodeCommand(rest)
		if err != nil {
			return list
		}
		list, rest = append(list, c), after
	}
	return list
}

// feed gives a run to a Checker: streams and operations interleaved as pick
// says, each in its own order.
func feed(r *testRun, pick picker) []Result {
	c := New(Options{Age: testAge})
	for _, name := range r.names {
		c.JoinStream(name)
	}
	at := map[string]int{}
	ops := r.ops
	for {
		var ready []string
		for _, name := range r.names {
			if at[name] < len(r.streams[name]) {
				ready = append(ready, name)
			}
		}
		n := len(ready)
		if len(ops) > 0 {
			n++
		}
		if n == 0 {
			break
		}
		i := pick(n)
		if i < len(ready) {
			name := ready[i]
			c.Deliver(name, &r.streams[name][at[name]])
			at[name]++
			continue
		}
		c.Complete(&ops[0])
		ops = ops[1:]
		if len(ops) > 0 && pick(3) == 0 {
			start, floor := ops[0].Start, ^uint64(0)
			for _, o := range ops {
				start = min(start, o.Start)
				if o.Position > 0 {
					floor = min(floor, o.Position-1)
				}
			}
			c.Advance(start, floor)
		}
	}
	for _, name := range r.names {
		if r.ended[name] {
			c.EndStream(name)
		}
		if d, ok := r.digests[name]; ok {
			c.Digest(name, 9, d)
		}
	}
	return c.Finish(c.Position())
}
