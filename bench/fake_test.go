package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/history"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// fakeGroup is a sequentially consistent memory: one state, and replicas that
// all have it at once.
type fakeGroup struct {
	names []string
	feeds []*feed
	delay time.Duration // an operation takes

	mu       sync.Mutex // guards what follows
	position uint64
	seqs     map[uint64]uint64
	values   map[string]fakeValue
	message  uint64
	ops      int
	stopped  bool

	// tamper may spoil an answer.
	tamper func(n int, r *request, a *answer)
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

func (g *fakeGroup) start(_ context.Context, _ *Config, _ Env, s *feeds) (system, check.Options, error) {
	for _, name := range g.names {
		g.feeds = append(g.feeds, s.join(name, name+"#1"))
	}
	return g, check.Options{}, nil
}

func (g *fakeGroup) Open(_ context.Context, client int) (memory, error) {
	return &fakeMemory{group: g, node: g.names[client%len(g.names)]}, nil
}

func (g *fakeGroup) Digests(context.Context) ([]digest, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	position := g.order(wire.Command{Op: wire.OpBarrier}, true)
	var list []digest
	for _, name := range g.names {
		list = append(list, digest{node: name, position: position, value: 42})
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
			f.deliver(&mine)
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

func (m *fakeMemory) Do(_ context.Context, r *request, a *answer) {
	g := m.group
	time.Sleep(g.delay) //nolint:forbidigo // in a bubble
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ops++
	a.node, a.status = m.node, history.OK
	if g.refuse != nil {
		if err := g.refuse(g.ops); err != nil {
			a.err, a.status, a.node = err, history.Fail, ""
			return
		}
	}
	if r.kind.IsRead() {
		v := g.values[r.key]
		a.value, a.version, a.position = v.data, v.position, g.position
	} else {
		m.write(r, a)
	}
	if g.tamper != nil {
		g.tamper(g.ops, r, a)
	}
}

func (m *fakeMemory) write(r *request, a *answer) {
	g := m.group
	g.seqs[m.session]++
	a.seq = g.seqs[m.session]
	old := g.values[r.key]
	c := wire.Command{
		Session: m.session, Seq: a.seq, Floor: a.seq,
		Key: r.key, Value: r.value, Expect: r.expect, Delta: r.delta,
	}
	next := fakeValue{data: r.value, position: g.position + 1}
	switch r.kind {
	case history.Set:
		c.Op = wire.OpSet
	case history.Delete:
		c.Op, next = wire.OpDelete, fakeValue{}
		if old.position == 0 {
			a.status, a.because = history.Fail, history.NotFound
		}
	case history.CompareAndSet:
		c.Op = wire.OpCompareAndSet
		if old.position != r.expect {
			a.status, a.because = history.Fail, history.Conflict
		}
	case history.Add:
		c.Op = wire.OpAdd
		if old.position != 0 {
			n, err := strconv.ParseInt(string(old.data), 10, 64)
			if err != nil {
				panic(fmt.Sprintf("%q is no counter: %v", r.key, err))
			}
			a.sum = n
		}
		a.sum += r.delta
		next.data = strconv.AppendInt(nil, a.sum, 10)
	}
	a.position = g.order(c, a.status == history.OK)
	if a.status != history.OK {
		return
	}
	a.version = a.position
	g.values[r.key] = next
}
