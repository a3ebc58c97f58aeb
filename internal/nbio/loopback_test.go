package nbio

import (
	"net"
	"testing"
)

func TestWidenLoopback(t *testing.T) {
	pipe, far := net.Pipe()
	defer pipe.Close()
	defer far.Close()
	near, _ := tcpPair(t)
	for name, conn := range map[string]net.Conn{"loopback": near, "no network": pipe} {
		if err := WidenLoopback(conn, LinkBuffer); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if err := WidenLoopback(near, LinkBuffer); err == nil {
		t.Error("a connection that is closed was widened")
	}
}
