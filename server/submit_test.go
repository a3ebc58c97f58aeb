package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// settled takes outcomes.
type settled chan wire.Outcome

func (s settled) Settle(outcomes []wire.Outcome) {
	for _, o := range outcomes {
		s <- o
	}
}

// submit submits writes of the caller's session, each after the one before it, and
// returns their replies.
func (c *caller) submit(conn wire.Conn, n int) []wire.Reply {
	c.t.Helper()
	outcomes := make(settled, n)
	writes := make([]wire.Submission, n)
	for i := range writes {
		prev := c.seq
		c.seq++
		writes[i] = wire.Submission{Tag: c.seq, Command: wire.Command{
			Op: wire.OpAdd, Session: c.session, Seq: c.seq, Floor: c.seq - uint64(i), Prev: prev, Key: "n", Delta: 1,
		}}
	}
	for rest := writes; len(rest) > 0; {
		taken, err := conn.Submit(c.t.Context(), rest, outcomes)
		if err != nil {
			c.t.Fatal(err)
		}
		rest = rest[taken:]
	}
	replies := make([]wire.Reply, n)
	for range replies {
		o := <-outcomes
		if o.Err != nil {
			c.t.Fatal(o.Err)
		}
		replies[o.Tag-writes[0].Tag] = o.Reply
	}
	return replies
}

// Writes that are submitted take effect in order, from within the process and over
// the network.
func TestSubmit(t *testing.T) {
	g := newGroup(t, registry.Settings{Detection: 5 * time.Second})
	g.startAll(3)
	c := g.client("n1")
	sum := int64(0)
	for _, conn := range []wire.Conn{g.connect("n2"), g.dial("n3"), g.dial("n1")} {
		last := uint64(0)
		for i, reply := range c.submit(conn, 5000) {
			sum++
			if reply.Status != wire.StatusOK || reply.Number != sum || reply.Position <= last {
				t.Fatalf("write %d: %+v after position %d, want the sum %d", i, reply, last, sum)
			}
			last = reply.Position
		}
		c.seen = max(c.seen, last)
		if got := c.get(g.connect("n1"), "n"); got != fmt.Sprint(sum) {
			t.Errorf("%q, want %d", got, sum)
		}
	}
}

// One whose predecessor is missing is refused, wherever it is asked for.
func TestOutOfOrder(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n1")
	second := wire.Command{Op: wire.OpSet, Session: c.session, Seq: 2, Floor: 1, Prev: 1, Key: "k", Value: []byte("second")}
	conns := []wire.Conn{g.connect("n1"), g.dial("n2")}
	for _, conn := range conns {
		if reply, err := conn.Write(t.Context(), 0, second); err != nil || reply.Status != wire.StatusOutOfOrder {
			t.Errorf("%+v, %v", reply, err)
		}
	}
	c.set("k", "first")
	for _, conn := range conns {
		if reply, err := conn.Write(t.Context(), 0, second); err != nil || reply.Status != wire.StatusOK {
			t.Errorf("%+v, %v", reply, err)
		}
	}
}

// The end of a node settles what it was submitted.
func TestSubmitAndEnd(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n1")
	conn := g.connect("n1")
	c.submit(conn, 10)
	release := g.hold("n2") // n1 cannot finish it
	outcomes := make(settled, 1)
	c.seq++
	write := wire.Submission{Tag: c.seq, Command: wire.Command{Op: wire.OpAdd, Session: c.session, Seq: c.seq, Floor: 1, Key: "n", Delta: 1}}
	if taken, err := conn.Submit(t.Context(), []wire.Submission{write}, outcomes); taken != 1 || err != nil {
		t.Fatal(taken, err)
	}
	g.kill("n1")
	if o := <-outcomes; o.Err != nil || o.Reply.Status != wire.StatusInterrupted {
		t.Errorf("%+v", o)
	}
	release()
	if _, err := conn.Submit(t.Context(), []wire.Submission{write}, outcomes); err == nil {
		t.Error("a node that has ended takes writes")
	}
}
