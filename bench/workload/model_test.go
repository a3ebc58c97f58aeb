package workload

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// model is a memory of one replica that does one operation after the other, and shows an
// invariant what it does.
type model struct {
	t         *testing.T
	keys      *load.Keyspace
	invariant Invariant
	clients   []load.Chooser
	position  uint64
	seqs      map[int]uint64
	values    map[string]held
	done      map[history.Kind]int // how often each kind was done
	conflicts int

	// do, if set, may do an operation in place of the model.
	do func(m *model, client int, r *load.Request, a *load.Answer) bool
	// spoil, if set, may spoil what a client is told.
	spoil func(m *model, r *load.Request, a *load.Answer)
	// replica, if set, may spoil what a node holds at the end.
	replica func(node int, r *Replica)
}

type held struct {
	value   []byte
	version uint64
}

// newModel is a model for some clients of a workload.
func newModel(t *testing.T, name string, clients int, change func(w *load.Workload)) *model {
	t.Helper()
	row, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	w := load.Workload{Keys: 10_000, ValueBytes: 100, Writes: 0.5, Dist: load.Uniform, Seed: 1}
	row.Apply(&w, func(string) bool { return false })
	if change != nil {
		change(&w)
	}
	m := &model{t: t, values: map[string]held{}, seqs: map[int]uint64{}, done: map[history.Kind]int{}}
	m.keys, m.invariant = row.Start(&w, "p/")
	for i := range clients {
		if m.keys.Choose == nil {
			m.clients = append(m.clients, load.NewGenerator(m.keys, i))
		} else {
			m.clients = append(m.clients, m.keys.Choose(m.keys, i))
		}
	}
	return m
}

// run has the clients load the variables and then do so many operations each, in turns, and
// looks at three replicas.
func (m *model) run(operations int) check.Result {
	m.t.Helper()
	var r load.Request
	for key := range m.keys.Plain {
		client := key % len(m.clients)
		m.clients[client].Preload(&r, key)
		m.ask(client, &r)
	}
	for range operations {
		for i, c := range m.clients {
			c.Next(&r)
			m.ask(i, &r)
		}
	}
	return m.finish()
}

// finish looks at three replicas.
func (m *model) finish() check.Result {
	m.position++
	for node := range 3 {
		r := &Replica{Node: "n" + strconv.Itoa(node+1), Position: m.position, Items: m.scan("p/", &history.Scan{})}
		if m.replica != nil {
			m.replica(node, r)
		}
		m.invariant.Replica(r)
	}
	return m.invariant.Finish()
}

// ask does an operation of a client, and shows it to the invariant.
func (m *model) ask(client int, r *load.Request) {
	if !strings.HasPrefix(r.Key, "p/") && r.Kind != history.Txn {
		m.t.Fatalf("%s of %q", r.Kind, r.Key)
	}
	m.done[r.Kind]++
	a := load.Answer{Status: history.OK, Position: m.position, Node: "n1"}
	if m.do == nil || !m.do(m, client, r, &a) {
		m.carryOut(client, r, &a)
	}
	if m.spoil != nil {
		m.spoil(m, r, &a)
	}
	if a.Conflicts(r) {
		m.conflicts++
	}
	o := history.Op{
		Client: client, Session: uint64(client + 1), Kind: r.Kind, Key: r.Key, Value: r.Value, Version: a.Version, Position: a.Position,
		Status: a.Status, Because: a.Because, Expect: r.Expect, Seq: a.Seq, Delta: r.Delta, Sum: a.Sum, Results: a.Results, Node: a.Node,
	}
	if r.Kind.IsRead() {
		o.Value = a.Value
	}
	if r.Scan != nil {
		o.Scan = &history.Scan{To: r.Scan.To, Reverse: r.Scan.Reverse, Limit: r.Scan.Limit, Items: a.Items, Found: a.Found}
	}
	m.invariant.Complete(&o)
	m.clients[client].Learn(r, &a)
}

// carryOut does an operation.
func (m *model) carryOut(client int, r *load.Request, a *load.Answer) {
	old := m.values[r.Key]
	switch r.Kind {
	case history.Get, history.GetStrong:
		a.Value, a.Version = old.value, old.version
	case history.ReadRange:
		a.Items = m.scan(r.Key, r.Scan)
	case history.CountRange:
		a.Found = len(m.scan(r.Key, r.Scan))
	default:
		m.write(client, r, a, old)
	}
}

// write does a write at the next position.
func (m *model) write(client int, r *load.Request, a *load.Answer, old held) {
	m.position++
	m.seqs[client]++
	a.Position, a.Version, a.Seq = m.position, m.position, m.seqs[client]
	switch r.Kind {
	case history.Set:
		m.values[r.Key] = held{r.Value, m.position}
	case history.CompareAndSet:
		if old.version != r.Expect {
			a.Status, a.Because, a.Version = history.Fail, history.Conflict, old.version
			break
		}
		m.values[r.Key] = held{r.Value, m.position}
	case history.Add:
		a.Sum = m.add(r.Key, r.Delta)
	case history.Txn:
		m.transact(r, a)
	case history.Delete:
		if old.version == 0 {
			a.Status, a.Because, a.Version = history.Fail, history.NotFound, 0
		}
		delete(m.values, r.Key)
	default:
		m.t.Fatalf("the model does not know %s", r.Kind)
	}
	m.order(client, r, a)
}

// order has the invariant take a write of the order.
func (m *model) order(client int, r *load.Request, a *load.Answer) {
	c := wire.Command{
		Op: map[history.Kind]wire.Op{
			history.Set: wire.OpSet, history.CompareAndSet: wire.OpCompareAndSet, history.Add: wire.OpAdd,
			history.Delete: wire.OpDelete, history.Txn: wire.OpTxn,
		}[r.Kind], Key: r.Key, Value: r.Value,
		Delta: r.Delta, Expect: r.Expect, Session: uint64(client + 1), Seq: a.Seq,
	}
	m.invariant.Order(&check.Entry{Position: m.position, Command: c, OK: a.Status == history.OK})
}

func (m *model) add(key string, delta int64) int64 {
	sum, _ := strconv.ParseInt(string(m.values[key].value), 10, 64)
	sum += delta
	m.values[key] = held{strconv.AppendInt(nil, sum, 10), m.position}
	return sum
}

// transact does a transaction.
func (m *model) transact(r *load.Request, a *load.Answer) {
	var t wire.Txn
	if err := t.Decode(r.Value); err != nil {
		m.t.Fatal(err)
	}
	a.Sum = wire.TxnThen
	for _, c := range t.If {
		if c.Kind != wire.CondVersion || m.values[c.Key].version != c.Version {
			a.Sum = wire.TxnElse
		}
	}
	ops := t.Branch(a.Sum == wire.TxnThen)
	for i, o := range ops { // which are of different variables
		if o.If.Kind == wire.CondVersion && m.values[o.Key].version != o.If.Version {
			a.Status, a.Because, a.Version, a.Sum = history.Fail, history.Conflict, m.values[o.Key].version, int64(i)
			return
		}
	}
	for i := range ops {
		m.step(&ops[i])
	}
}

// step does one operation of a transaction.
func (m *model) step(o *wire.TxnOp) {
	switch o.Kind {
	case wire.TxnPut:
		m.values[o.Key] = held{o.Value, m.position}
	case wire.TxnAdd:
		m.add(o.Key, o.Delta)
	case wire.TxnDelete:
		delete(m.values, o.Key)
	default:
		m.t.Fatalf("the model does not know operation %d", o.Kind)
	}
}

// scan shows a range.
func (m *model) scan(from string, s *history.Scan) (items []history.Item) {
	for key, one := range m.values {
		if key >= from && (s.To == "" || key < s.To) {
			items = append(items, history.NewItem(key, one.version, one.value))
		}
	}
	slices.SortFunc(items, func(a, b history.Item) int { return strings.Compare(a.Key, b.Key) })
	if s.Reverse {
		slices.Reverse(items)
	}
	if s.Limit > 0 {
		items = items[:min(len(items), s.Limit)]
	}
	return items
}

// spoiled is a mistake that an invariant must find.
type spoiled struct {
	name  string
	spoil func(m *model)
	want  string
}

// passesUnlessSpoiled holds that an invariant finds each mistake, and nothing without one.
func passesUnlessSpoiled(t *testing.T, name string, operations int, change func(w *load.Workload), mistakes []spoiled) {
	t.Helper()
	m := newModel(t, name, 5, change)
	if r := m.run(operations); !r.Pass() || r.Events < 20 || r.Covers == "" || r.Kept == "" {
		t.Errorf("%s: %+v", name, r)
	}
	for _, s := range mistakes {
		m := newModel(t, name, 5, change)
		s.spoil(m)
		r := m.run(operations)
		if r.Violations == 0 || !strings.Contains(strings.Join(r.Texts, "\n"), s.want) {
			t.Errorf("%s, %s: %+v, want %q", name, s.name, r, s.want)
		}
		if m.invariant.Note() != "" {
			t.Errorf("%s, %s: a note in spite of it: %s", name, s.name, m.invariant.Note())
		}
	}
}

// once lets f be called with the n-th request of a kind, from 0, alone.
func once(kind history.Kind, n int, f func(r *load.Request, a *load.Answer)) func(*model, *load.Request, *load.Answer) {
	return func(m *model, r *load.Request, a *load.Answer) {
		if r.Kind == kind && m.done[kind] == n+1 {
			f(r, a)
		}
	}
}
