package server

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// load is writers that count, each its own variable, at whatever node serves.
type load struct {
	t       *testing.T
	g       *group
	cancel  context.CancelFunc
	running sync.WaitGroup
	writers []*writer
}

// writer is one session. It sends a write again, also to another node, until it
// hears of the outcome.
type writer struct {
	g       *group
	key     string
	session uint64
	seq     uint64

	mu     sync.Mutex
	acked  []uint64 // positions, by sequence
	failed error
}

func (g *group) load(writers int) *load {
	g.t.Helper()
	ctx, cancel := context.WithCancel(g.t.Context())
	l := &load{t: g.t, g: g, cancel: cancel}
	for i := range writers {
		w := &writer{g: g, key: fmt.Sprintf("counter%d", i)}
		l.writers = append(l.writers, w)
		l.running.Go(func() { w.run(ctx, i) })
	}
	g.t.Cleanup(func() { cancel(); l.running.Wait() })
	return l
}

func (w *writer) run(ctx context.Context, start int) {
	for node := start; ; {
		cmd := wire.Command{Op: wire.OpOpenSession}
		if w.session != 0 {
			cmd = wire.Command{Op: wire.OpAdd, Session: w.session, Seq: w.seq, Floor: w.seq, Key: w.key, Delta: 1}
		}
		reply, err := w.send(ctx, node, cmd)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil || reply.Status == wire.StatusUnavailable || reply.Status == wire.StatusInterrupted || reply.Status == wire.StatusTimeout:
			node++ // the same again, elsewhere
			continue
		case reply.Status != wire.StatusOK || w.session != 0 && reply.Number != int64(w.seq):
			w.mu.Lock()
			w.failed = fmt.Errorf("write %d of session %d: %+v", w.seq, w.session, reply)
			w.mu.Unlock()
			return
		}
		w.mu.Lock()
		if w.session == 0 {
			w.session = reply.Position
		} else {
			w.acked = append(w.acked, reply.Position)
		}
		w.seq++
		w.mu.Unlock()
	}
}

// send tries a node.
func (w *writer) send(ctx context.Context, node int, cmd wire.Command) (wire.Reply, error) {
	n := w.g.pick(node)
	if r := n.current.Load(); r == nil || !r.reader.InView() {
		return wire.Reply{Status: wire.StatusUnavailable}, nil
	}
	local, err := n.Connect(ctx)
	if err != nil {
		return wire.Reply{}, err
	}
	conn := local.(wire.Conn)
	reply, err := conn.Write(ctx, 0, cmd)
	if ctx.Err() != nil {
		// The outcome decides what the variable must be: wait for it.
		reply, err = conn.Write(context.WithoutCancel(ctx), 0, cmd)
	}
	return reply, err
}

// acked counts the writes acknowledged so far.
func (l *load) acked() int {
	n := 0
	for _, w := range l.writers {
		w.mu.Lock()
		n += len(w.acked)
		if w.failed != nil {
			l.t.Error(w.failed)
		}
		w.mu.Unlock()
	}
	return n
}

// goesOn waits until every writer has had more writes acknowledged.
func (l *load) goesOn() {
	l.t.Helper()
	for i, w := range l.writers {
		start := w.count()
		eventually(l.t, fmt.Sprintf("writer %d goes on", i), func() bool { return w.count() >= start+20 || w.broken() })
	}
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

func (w *writer) broken() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed != nil
}

// stop ends the load and checks it: every node has every write once, and those
// acknowledged at the position told.
func (l *load) stop() {
	l.t.Helper()
	l.cancel()
	l.running.Wait()
	l.acked()
	for id := range l.g.nodes {
		c := l.g.client(id)
		c.barrier()
		commands := l.g.logs[id].commands(l.t)
		for _, w := range l.writers {
			l.check(id, c, w, commands)
		}
	}
}

func (l *load) check(id string, c *caller, w *writer, commands map[uint64]wire.Command) {
	l.t.Helper()
	if len(w.acked) == 0 {
		l.t.Errorf("%s: no write was acknowledged", w.key)
		return
	}
	got, err := strconv.Atoi(c.get(c.conn, w.key))
	// The last write may have been given up between its delivery and its answer.
	if err != nil || got != len(w.acked) && got != len(w.acked)+1 {
		l.t.Errorf("%s: %s is %d (%v), %d additions were acknowledged", id, w.key, got, err, len(w.acked))
	}
	for i, position := range w.acked {
		cmd, delivered := commands[position]
		if delivered && (cmd.Session != w.session || cmd.Seq != uint64(i+1)) {
			l.t.Errorf("%s: position %d has session %d, sequence %d, and was told to session %d, sequence %d", id, position, cmd.Session, cmd.Seq, w.session, i+1)
		}
	}
}
