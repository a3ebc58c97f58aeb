package server

import (
	"context"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Submit hands over writes whose outcomes sink is told by the owner of the turn,
// as wire.Conn says. What is not taken for want of room waits for it here.
func (c localConn) Submit(ctx context.Context, writes []wire.Submission, sink wire.Sink) (taken int, err error) {
	r := c.r
	if r.leaving.Load() || !r.serves() {
		return 0, fmt.Errorf("%w: %w", wire.ErrNotSent, errNotServing)
	}
	for i := range writes {
		if !mayWrite(writes[i].Command.Op) {
			return 0, fmt.Errorf("%w: operation %d is not for clients", wire.ErrNotSent, writes[i].Command.Op)
		}
	}
	w := waiter{sink: &localSink{r: r, sink: sink}}
	r.mu.Lock()
	if !r.admitWithinLocked(ctx, c.within) {
		r.mu.Unlock()
		return 0, fmt.Errorf("%w: %w", wire.ErrNotSent, errNotServing)
	}
	for taken < len(writes) && r.admitted <= r.limit {
		w.id = writes[taken].Tag
		r.admitted += r.in.encodeCommand(&writes[taken].Command, w)
		taken++
	}
	if r.enterLocked() {
		r.turns()
	}
	return taken, nil
}

// localSink tells a caller within the process of the outcomes of what it has
// submitted, those of a turn at once. It belongs to the owner of the turn.
type localSink struct {
	r        *replica
	sink     wire.Sink
	outcomes []wire.Outcome
}

func (s *localSink) add(tag uint64, result wire.Result) {
	if len(s.outcomes) == 0 {
		s.r.settling = append(s.r.settling, s)
	}
	s.outcomes = append(s.outcomes, wire.Outcome{Tag: tag, Reply: wire.Reply{
		Status: result.Status, Position: result.Position, Version: result.Version, Number: result.Number,
	}})
}

// settle tells the outcomes of this turn. Owner only.
func (r *replica) settle() {
	for _, s := range r.settling {
		s.sink.Settle(s.outcomes)
		clear(s.outcomes)
		s.outcomes = s.outcomes[:0]
	}
	clear(r.settling)
	r.settling = r.settling[:0]
}
