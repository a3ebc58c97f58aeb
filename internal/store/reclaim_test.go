package store

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// TestTombstonesAreBounded holds that the owner puts reaping off while a reader
// is in the way, but not beyond a bound.
func TestTombstonesAreBounded(t *testing.T) {
	const batch = 1024
	f := newFeeder(t, Limits{})
	session, seq := f.open(), uint64(0)
	write := func(op wire.Op, from int) {
		var payload []byte
		for i := range batch {
			seq++
			c := wire.Command{Op: op, Session: session, Seq: seq, Floor: seq, Key: fmt.Sprint(from + i)}
			payload = c.Append(payload)
		}
		f.s.ApplyMessage(f.s.Applied()+1, batch, payload, &f.out)
	}
	f.s.variables.removal.Lock()
	from := 0
	for ; from < maxDeferredReaps-batch; from += batch {
		write(wire.OpSet, from)
		write(wire.OpDelete, from)
	}
	if got := f.s.variables.tombstones.Len(); got != from {
		t.Fatalf("%d tombstones of %d deleted variables", got, from)
	}
	begun := make(chan struct{})
	go func() {
		<-begun
		for range 100 {
			runtime.Gosched()
		}
		f.s.variables.removal.Unlock()
	}()
	write(wire.OpSet, from)
	close(begun)
	write(wire.OpDelete, from)
	// Here the owner has waited for the reader, and reaped.
	if got := f.s.variables.tombstones.Len(); got >= from {
		t.Errorf("%d tombstones, %d before the owner had to wait", got, from)
	}
}
