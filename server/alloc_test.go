package server

import (
	"bytes"
	"io"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
)

// A read over the network takes no memory at the node, whose goroutine for the
// connection answers it in place. Many go in one burst, as a client's do, so that
// what the node does beside, its heartbeats above all, is little for each.
func TestNetworkedReadTakesNoMemory(t *testing.T) {
	const burst, bursts = 256, 50
	g := newGroup(t, registry.Settings{})
	g.start("n1", nil)
	g.client("n1").set("key", "value")
	conn, frames := g.raw("n1")
	var requests []byte
	for range burst {
		requests = wire.AppendRequest(requests, &wire.Request{ID: 1, Kind: wire.RequestGet, Key: "key"})
	}
	ask := func() {
		if _, err := conn.Write(requests); err != nil {
			t.Fatal(err)
		}
	}
	// All answers are equally long: positions below 128 take one byte.
	ask()
	_, body, err := frames.Next()
	if err != nil {
		t.Fatal(err)
	}
	reply, err := wire.DecodeReply(body)
	if err != nil || string(reply.Data) != "value" {
		t.Fatal(reply, err)
	}
	for range burst - 1 {
		if _, _, err := frames.Next(); err != nil {
			t.Fatal(err)
		}
	}
	size := burst * len(wire.AppendReply(nil, &reply))
	answers := make([]byte, size)
	// AllocsPerRun rounds down, so a run is many bursts.
	total := testing.AllocsPerRun(1, func() {
		for range bursts {
			ask()
			if _, err := io.ReadFull(conn, answers); err != nil {
				t.Fatal(err)
			}
		}
	})
	if !bytes.Contains(answers, []byte("value")) {
		t.Errorf("answers: %q", answers)
	}
	if each := total / (burst * bursts); each >= 1 {
		t.Errorf("%.2f allocations for each read, want none but the node's own", each)
	}
}
