package member

import (
	"bytes"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// client waits for answers.
type client struct{ got []answer }

type answer struct {
	tag   uint64
	size  int
	reply wire.Reply
}

// Answer is part of Waiter.
func (c *client) Answer(tag uint64, size int, reply *wire.Reply) {
	kept := *reply
	kept.Data = bytes.Clone(reply.Data)
	c.got = append(c.got, answer{tag, size, kept})
}

// take returns the answers since the last call.
func (c *client) take() []answer {
	got := c.got
	c.got = nil
	return got
}

// statuses returns the statuses of the answers since the last call.
func (c *client) statuses() []wire.Status {
	var statuses []wire.Status
	for _, a := range c.take() {
		statuses = append(statuses, a.reply.Status)
	}
	return statuses
}

// open opens the session that set writes in.
func (g *group) open() {
	var c client
	g.nodes[0].write(session(), &c)
	g.settle()
	got := c.take()
	if len(got) != 1 || got[0].reply.Status != wire.StatusOK {
		g.t.Fatalf("no session: %+v", got)
	}
	g.session = got[0].reply.Position
}

// set is a write in the session that is open.
func (g *group) set(key, value string) *wire.Command {
	g.seq++
	return &wire.Command{Op: wire.OpSet, Session: g.session, Seq: g.seq, Floor: g.seq, Key: key, Value: []byte(value)}
}

// session is a write that needs no session.
func session() *wire.Command { return &wire.Command{Op: wire.OpOpenSession} }

// write submits a command, in a turn of its own. It returns its size.
func (n *node) write(cmd *wire.Command, c *client) int {
	size := n.in.Encode(cmd, Ticket{Waiter: c})
	n.turn()
	return size
}

// value is what the node's state has of a variable.
func (n *node) value(key string) string {
	value, _, _ := n.m.Reader().State().Get(key)
	return string(value)
}

// position is where the node has come to.
func (n *node) position() uint64 { return n.m.Reader().State().Applied() }
