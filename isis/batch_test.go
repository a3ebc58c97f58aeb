package isis

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestBatches holds that batches keep every command, in order, and within the
// bounds.
func TestBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := batches{maxBytes: 10, maxCommands: 3, limitBytes: 40}
		var waiting [][]byte
		bytesWaiting := 0
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				command := rapid.SliceOfN(rapid.Byte(), 1, 15).Draw(t, "command")
				fits := bytesWaiting == 0 || bytesWaiting+len(command) <= b.limitBytes
				if b.add(command) != fits {
					t.Fatalf("added beside %d bytes: %v", bytesWaiting, !fits)
				}
				if fits {
					waiting = append(waiting, bytes.Clone(command))
					bytesWaiting += len(command)
					clear(command) // the caller may use its bytes again
				}
			},
			"take": func(t *rapid.T) {
				taken := b.take()
				if int(taken.count) > b.maxCommands || (len(taken.payload) > b.maxBytes && taken.count > 1) {
					t.Fatalf("a batch of %d commands, %d bytes", taken.count, len(taken.payload))
				}
				if taken.count == 0 && len(waiting) > 0 {
					t.Fatal("an empty batch, though commands wait")
				}
				want := bytes.Join(waiting[:taken.count], nil)
				if !bytes.Equal(taken.payload, want) {
					t.Fatalf("took %x, want %x", taken.payload, want)
				}
				waiting = waiting[taken.count:]
				bytesWaiting -= len(want)
			},
			"": func(t *rapid.T) {
				if b.pending != len(waiting) || b.bytes != bytesWaiting {
					t.Fatalf("%d commands of %d bytes wait, want %d of %d", b.pending, b.bytes, len(waiting), bytesWaiting)
				}
			},
		})
	})
}
