package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// fakeGroup is a sequentially consistent memory: one state, and replicas that
// all have it at once.
type fakeGroup struct {
	names []string
	feeds []*cluster.Feed
	delay time.Duration // an operation takes

	mu       sync.Mutex // guards what follows
	position uint64
	seqs     map[uint64]uint64
	values   map[string]fakeValue
	message  uint64
	ops      int
	stopped  bool

	// tamper may spoil an answer.
	tamper func(n int, r *load.Request, a *load.Answer)
	// split may spoil what one node delivers.
	split func(node string, d *wire.Delivery) bool
	// refuse makes an operation fail.
	refuse func(n int) error
}

type fakeValue struct {
	data     []byte
	position uint64
}

func newFakeGroup(nodes int) *fakeGroup {
	g := &fakeGroup{seqs: map[uint64]uint64{}, values: map[string]fakeValue{}, delay: 100 * time.Microsecond}
	for i := range nodes {
		g.names = append(g.names, "n"+strconv.Itoa(i+1))
	}
	return g
}

func (g *fakeGroup) start(_ context.Context, _ *Config, _ program.Env, s *cluster.Feeds) (system, check.Options, error) {
	for _, name := range g.names {
		g.feeds = append(g.feeds, s.Join(name, name+"#1"))
	}
	return g, check.Options{}, nil
}

func (g *fakeGroup) Open(_ context.Context, client int) (load.Memory, error) {
	return &fakeMemory{group: g, node: g.names[client%len(g.names)]}, nil
}

func (g *fakeGroup) Digests(context.Context) ([]cluster.Digest, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	position := g.order(wire.Command{Op: wire.OpBarrier}, true)
	var list []cluster.Digest
	for _, name := range g.names {
		list = append(list, cluster.Digest{Node: name, Position: position, Value: 42})
	}
	return list, nil
}

func (g *fakeGroup) Stop() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return errors.New("stopped twice")
	}
	g.stopped = true
	return nil
}

// order delivers a command to all nodes. The lock is held.
func (g *fakeGroup) order(c wire.Command, effect bool) uint64 {
	g.position++
	g.message++
	d := wire.Delivery{
		View: 1, Sender: "n1", Incarnation: 1, Seq: g.message, First: g.position, Count: 1,
		Payload: c.Append(nil), Effects: []byte{0},
	}
	if effect {
		d.Effects[0] = 1
	}
	for i, f := range g.feeds {
		mine := d
		if g.split == nil || g.split(g.names[i], &mine) {
			f.Deliver(&mine)
		}
	}
	return g.position
}

// fakeMemory is a session on a fakeGroup.
type fakeMemory struct {
	group   *fakeGroup
	node    string
	session uint64
}

func (m *fakeMemory) Session(context.Context) (uint64, error) {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	m.session = m.group.order(wire.Command{Op: wire.OpOpenSession}, true)
	return m.session, nil
}

func (m *fakeMemory) Close() error { return nil }

func (m *fakeMemory) Do(_ context.Context, r *load.Request, a *load.Answer) {
	g := m.group
	time.Sleep(g.delay) //nolint:forbidigo // in a bubble
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ops++
	a.Node, a.Status = m.node, history.OK
	if g.refuse != nil {
		if err := g.refuse(g.ops); err != nil {
			a.Err, a.Status, a.Node = err, history.Fail, ""
			return
		}
	}
	if r.Kind.IsRead() {
		v := g.values[r.Key]
		a.Value, a.Version, a.Position = v.data, v.position, g.position
	} else {
		m.write(r, a)
	}
	if g.tamper != nil {
		g.tamper(g.ops, r, a)
	}
}

func (m *fakeMemory) write(r *load.Request, a *load.Answer) {
	g := m.group
	g.seqs[m.session]++
	a.Seq = g.seqs[m.session]
	old := g.values[r.Key]
	c := wire.Command{
		Session: m.session, Seq: a.Seq, Floor: a.Seq,
		Key: r.Key, Value: r.Value, Expect: r.Expect, Delta: r.Delta,
	}
	next := fakeValue{data: r.Value, position: g.position + 1}
	switch r.Kind {
	case history.Set:
		c.Op = wire.OpSet
	case history.Delete:
		c.Op, next = wire.OpDelete, fakeValue{}
		if old.position == 0 {
			a.Status, a.Because = history.Fail, history.NotFound
		}
	case history.CompareAndSet:
		c.Op = wire.OpCompareAndSet
		if old.position != r.Expect {
			a.Status, a.Because = history.Fail, history.Conflict
		}
	case history.Add:
		c.Op = wire.OpAdd
		if old.position != 0 {
			n, err := strconv.ParseInt(string(old.data), 10, 64)
			if err != nil {
				panic(fmt.Sprintf("%q is no counter: %v", r.Key, err))
			}
			a.Sum = n
		}
		a.Sum += r.Delta
		next.data = strconv.AppendInt(nil, a.Sum, 10)
	}
	a.Position = g.order(c, a.Status == history.OK)
	if a.Status != history.OK {
		return
	}
	a.Version = a.Position
	g.values[r.Key] = next
}
