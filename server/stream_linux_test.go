package server

import (
	"net"
	"testing"

	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// What a client does not read waits in the node, which counts it, and not in the kernel, whose
// memory the links between nodes need, too.
func TestUnreadWaitsInTheNode(t *testing.T) {
	g := newGroup(t, registry.Settings{})
	g.start("n1", func(c *Config) { c.EventLoop = false })
	g.client("n1").set("k", string(make([]byte, 1<<20)))
	conn, _ := g.raw("n1")
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(wire.AppendRequest(nil, &wire.Request{ID: 1, Kind: wire.RequestGet, Key: "k"})); err != nil {
		t.Fatal(err)
	}
	f := g.nodes["n1"].current.Load().front
	eventually(t, "most of the reply waits", func() bool { return f.memory.Load() > 512<<10 })
	if unsent := nbio.Unsent(f.clients.all(false)[0].conn); unsent == 0 || unsent > clientUnsent+64<<10 {
		t.Errorf("the kernel keeps %d bytes", unsent)
	}
}
