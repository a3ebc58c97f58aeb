package client

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// maxReadAllocations is what a read may take at the client's end: the value, which
// is the caller's for good.
const maxReadAllocations = 1

// A read over the network takes memory for its value only. The other end, in the
// same process, takes none.
func TestReadTakesMemoryForItsValueOnly(t *testing.T) {
	c, p := dialTCP(t, wire.Info{NodeID: "n1"})
	value := make([]byte, 100)
	ended := make(chan error, 1)
	go func() {
		var frame []byte
		for {
			_, body, err := p.frames.Next()
			if err != nil {
				ended <- nil // the test is over
				return
			}
			r, err := wire.DecodeRequest(body)
			if err == nil {
				frame = wire.AppendReply(frame[:0], &wire.Reply{ID: r.ID, Position: 7, Version: 7, Data: value})
				_, err = p.conn.Write(frame)
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		if reply, err := c.Get(ctx, "key", 7, false); err != nil || len(reply.Data) != len(value) {
			t.Error(len(reply.Data), err)
		}
	}); n > maxReadAllocations {
		t.Errorf("%v allocations, want %v at most", n, maxReadAllocations)
	}
	if err := p.conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
