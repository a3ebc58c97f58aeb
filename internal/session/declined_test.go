package session_test

import (
	"testing"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// A write that a node declines outside of the order, where it has no position, may overtake
// those before it. It counts once it is the oldest; one that the order has declined counts
// at once.
func TestDeclinedOutOfOrder(t *testing.T) {
	var p session.Pipeline[int]
	ops := make([]session.Operation, 3)
	for i := range ops {
		ops[i].Kind = session.Write
		p.Issue(&ops[i], i)
	}
	for range ops {
		p.Next()
	}
	first := uint64(0)
	declined := wire.Reply{Status: wire.StatusUnsupported}
	if _, _, v := p.Reply(p.Run(), first+1, &declined); v != session.OutOfOrder {
		t.Errorf("the second, outside of the order: %d", v)
	}
	if _, _, v := p.Reply(p.Run(), first+2, &wire.Reply{Status: wire.StatusTooLarge, Position: 9}); v != session.Declined {
		t.Errorf("the third, in the order: %d", v)
	}
	if _, _, v := p.Reply(p.Run(), first, &declined); v != session.Declined {
		t.Errorf("the oldest: %d", v)
	}
	p.End(first)
	p.Again(p.Run())
	p.Next()
	if _, _, v := p.Reply(p.Run(), first+1, &declined); v != session.Declined {
		t.Errorf("the second, once it is the oldest: %d", v)
	}
}
