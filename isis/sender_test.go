package isis

import "testing"

// TestSenderKeepsLittle holds that a sender's FIFO does not grow with the number
// of messages that pass through it, however they interleave.
func TestSenderKeepsLittle(t *testing.T) {
	var s sender
	var live []*entry
	for seq := uint64(1); seq <= 10_000; seq++ {
		e := &entry{seq: seq}
		s.push(e)
		live = append(live, e)
		if s.latest != seq {
			t.Fatalf("latest is %d after %d", s.latest, seq)
		}
		for len(live) > int(seq%7) {
			if len(live) > 1 && s.pop(live[1]) {
				t.Fatal("a message left before its predecessor")
			}
			if !s.pop(live[0]) {
				t.Fatalf("message %d cannot leave", live[0].seq)
			}
			live = live[1:]
		}
		for _, e := range live {
			if s.find(e.seq) != e {
				t.Fatalf("message %d is not found", e.seq)
			}
		}
		if s.find(seq+1) != nil || len(live) == 0 && s.find(seq) != nil {
			t.Fatal("found what is not there")
		}
		if cap(s.fifo) > 32 || len(s.undelivered()) != len(live) {
			t.Fatalf("room for %d entries, %d undelivered, %d expected", cap(s.fifo), len(s.undelivered()), len(live))
		}
	}
}
