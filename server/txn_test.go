package server

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	driverside "github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// transact has a session write a transaction, and returns the reply, whatever it says.
func (c *caller) transact(conn wire.Conn, t wire.Txn) wire.Reply {
	c.t.Helper()
	c.seq++
	cmd := wire.Command{Op: wire.OpTxn, Session: c.session, Seq: c.seq, Floor: c.seq, Value: t.Append(nil)}
	reply, err := conn.Write(c.t.Context(), c.seen, cmd)
	for err == nil && again(reply.Status) {
		reply, err = conn.Write(c.t.Context(), c.seen, cmd)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.seen = max(c.seen, reply.Position)
	return reply
}

// A transaction returns the results of its operations, embedded, over the network, and when
// it is sent again to another node.
func TestTxnReturnsResults(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(3)
	c := g.client("n1")
	c.set("k", "v")
	read := wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnRead, Key: "k"}, {Kind: wire.TxnAppend, Key: "k", Value: []byte("w")}}}
	for i, conn := range []wire.Conn{c.conn, g.dial("n1"), g.dial("n2"), g.connect("n3")} {
		reply := c.transact(conn, read)
		results, err := wire.DecodeTxnResults(reply.Data)
		if err != nil || reply.Status != wire.StatusOK || reply.Number != wire.TxnThen || len(results) != 2 ||
			string(results[0].Value) != "v"+strings.Repeat("w", i) || results[1].Number != int64(2+i) {
			t.Fatalf("%d: %+v, %+v, %v", i, reply, results, err)
		}
		cmd := wire.Command{Op: wire.OpTxn, Session: c.session, Seq: c.seq, Floor: c.seq, Value: read.Append(nil)}
		for _, other := range []wire.Conn{g.dial("n3"), g.connect("n2")} {
			same, err := other.Write(t.Context(), 0, cmd)
			if err != nil || same.Position != reply.Position || !bytes.Equal(same.Data, reply.Data) {
				t.Errorf("%d: sent again: %+v, %v", i, same, err)
			}
		}
	}
	g.sameDigests()
}

// dialPatiently is dial for requests that take long on a slow machine.
func (g *group) dialPatiently(id string) wire.Conn {
	g.t.Helper()
	conn, err := driverside.Dial(g.t.Context(), g.nodes[id].Addr(), driverside.Options{PingInterval: time.Minute})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			g.t.Log(err)
		}
	})
	return conn
}

// The largest transaction passes, to a member over the network too, and a joiner gets what
// it has left. One byte more is refused, and nothing is done.
func TestLargestTxn(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.startAll(2)
	c := g.client("n1")
	large := wire.Txn{}
	for i := range 5 {
		large.Then = append(large.Then, wire.TxnOp{Kind: wire.TxnPut, Key: fmt.Sprint("k", i), Value: make([]byte, 1<<20*3/4), Old: true})
	}
	last := &large.Then[0].Value
	*last = append(*last, make([]byte, wire.MaxTxnBytes-len(large.Append(nil)))...)
	if n := len(large.Append(nil)); n != wire.MaxTxnBytes {
		t.Fatalf("%d bytes", n)
	}
	*last = append(*last, 'x')
	for i, conn := range []wire.Conn{c.conn, g.dialPatiently("n1"), g.dialPatiently("n2")} {
		if reply := c.transact(conn, large); reply.Status != wire.StatusTooLarge {
			t.Errorf("%d: one byte more: %+v", i, reply)
		}
	}
	if reply, err := c.conn.Get(t.Context(), "k0", c.seen, false); err != nil || reply.Status != wire.StatusNotFound {
		t.Errorf("one that was refused has left %d bytes: %+v, %v", len(reply.Data), reply.Status, err)
	}
	*last = (*last)[:len(*last)-1]
	for i, conn := range []wire.Conn{c.conn, g.dialPatiently("n1"), g.dialPatiently("n2")} {
		reply := c.transact(conn, large)
		if reply.Status != wire.StatusOK || (len(reply.Data) > 4<<20-256) != (i > 0) { // the first finds nothing old
			t.Fatalf("%d: %+v, %d bytes", i, reply.Status, len(reply.Data))
		}
	}
	g.start("n3", nil)
	g.sameDigests()
}

// A group with a node that does not know transactions refuses them all. Once that has been
// upgraded, they are done, and a node of the release before is not let in any more.
func TestMixedReleases(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	old := func(c *Config) { c.level = wire.LevelVariables - 1 }
	g.start("n1", old)
	g.start("n2", nil)
	g.start("n3", old)
	put := wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "k", Value: []byte("v"), Old: true}}}
	refused := func(id string) {
		t.Helper()
		for _, conn := range []wire.Conn{g.dial(id), g.connect(id)} {
			reply, err := conn.Write(t.Context(), 0, wire.Command{Op: wire.OpTxn, Session: 1, Seq: 1, Floor: 1, Value: put.Append(nil)})
			if err != nil || reply.Status != wire.StatusUnsupported || !strings.Contains(string(reply.Data), "txn needs feature level 4, and a member of the group speaks only 3: upgrade all nodes") {
				t.Errorf("%s: %+v %q, %v", id, reply, reply.Data, err)
			}
		}
	}
	for _, id := range []string{"n1", "n2", "n3"} {
		refused(id)
	}
	for _, id := range []string{"n1", "n3"} {
		refused("n2")
		g.close(id)
		g.start(id, nil)
	}
	eventually(t, "a view of the new level", func() bool { return g.nodes["n2"].current.Load().reader.FeatureLevel() == wire.LevelNewest })
	c := g.client("n2")
	if reply := c.transact(c.conn, put); reply.Status != wire.StatusOK {
		t.Errorf("once all are upgraded: %+v", reply)
	}
	_, err := g.tryStart("n4", old)
	if !errors.Is(err, registry.ErrOldRelease) || !strings.Contains(err.Error(), "install a newer release of dsm on this node's host") {
		t.Errorf("a node of the release before: %v", err)
	}
	g.close("n3")
	if _, err := g.tryStart("n3", old); !errors.Is(err, registry.ErrOldRelease) {
		t.Errorf("one that was a member: %v", err)
	}
	g.start("n3", nil)
	g.sameDigests()
}
