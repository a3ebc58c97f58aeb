package client

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// What lies in this machine, since the node takes no more, has not gone.
func TestPassageCountsWhatHasGone(t *testing.T) {
	c, p := dialTCP(t, wire.Info{})
	defer p.conn.Close()
	try, b := nbio.NewTryer(c.nc), make([]byte, 1<<20)
	for n := 1; n > 0; {
		var err error
		if n, err = try.TryWrite(b); err != nil {
			t.Fatal(err)
		}
		c.passage.wrote(n)
	}
	if gone, written := c.passage.passed(1<<60), c.passage.written.Load(); gone >= written {
		t.Errorf("%d bytes have gone, of %d that were written, and the node reads nothing", gone, written)
	}
}
