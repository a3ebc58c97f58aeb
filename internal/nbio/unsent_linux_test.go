package nbio

import (
	"io"
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
