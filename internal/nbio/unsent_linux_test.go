package nbio

import (
	"io"
	"net"
	"testing"
)

// What was written and has not been acknowledged is told while the other end does not read,
// and becomes less as it reads.
func TestUnsent(t *testing.T) {
	near, far := tcpPair(t)
	written := fill(t, near)
	full := Unsent(near)
	if full <= 0 || full > written {
		t.Fatalf("%d bytes of %d are not acknowledged, in a full connection", full, written)
	}
	if n := Unsent(far); n != 0 {
		t.Errorf("%d bytes of none", n)
	}
	if _, err := io.CopyN(io.Discard, far, int64(written)); err != nil {
		t.Fatal(err)
	}
	if n := Unsent(near); n >= full {
		t.Errorf("%d bytes are not acknowledged, %d before all were read", n, full)
	}
}

// A connection whose reader stands still takes what that one's buffer takes, and little more.
func TestLimitUnsent(t *testing.T) {
	const limit = 16 << 10
	near, far := tcpPair(t)
	if err := WidenLoopback(near, LinkBuffer); err != nil {
		t.Fatal(err)
	}
	if err := LimitUnsent(near, limit); err != nil {
		t.Fatal(err)
	}
	written := fill(t, near)
	// What is on its way comes on top of the limit, and fits in the reader's buffer.
	if unsent := Unsent(near); unsent == 0 || unsent > limit+256<<10 {
		t.Errorf("of %d bytes %d are kept", written, unsent)
	}
	if _, err := io.CopyN(io.Discard, far, int64(written)); err != nil {
		t.Fatal(err)
	}
	if fill(t, near) == 0 {
		t.Error("it takes nothing more after all was read")
	}
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if err := LimitUnsent(near, limit); err == nil {
		t.Error("a connection that is closed was limited")
	}
	pipe, _ := net.Pipe()
	if err := LimitUnsent(pipe, limit); err != nil {
		t.Errorf("no TCP: %v", err)
	}
}
