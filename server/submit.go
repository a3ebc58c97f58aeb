package server

import (
	"context"
	"fmt"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Submit hands over writes whose outcomes sink is told by the owner of the turn,
// as wire.Conn says. What is not taken for want of room waits for it here.
func (c localConn) Submit(ctx context.Context, writes []wire.Submission, sink wire.Sink) (taken int, err error) {
	f := c.f
	if f.reader.Leaving() || !f.reader.Serves() {
		return 0, fmt.Errorf("%w: %w", wire.ErrNotSent, errNotServing)
	}
	for i := range writes {
		if refusal := f.reader.Refuse(writes[i].Command.Op.Operation()); refusal != nil {
			return 0, fmt.Errorf("%w: %w", wire.ErrNotSent, refusal)
		}
	}
	if len(writes) == 0 {
		return 0, nil
	}
	s := &submission{localSink: localSink{f: f, sink: sink}, writes: writes}
	taken = f.turns.submitWithin(ctx, c.within, s)
	s.writes = nil // they are the caller's
	if taken == 0 {
		return 0, fmt.Errorf("%w: %w", wire.ErrNotSent, errNotServing)
	}
	return taken, nil
}

// submission is writes that are handed over together, and who is told of them.
type submission struct {
	localSink
	writes []wire.Submission // that are left
}

// add is part of batch.
func (s *submission) add(in *member.Inbox) (size int) {
	if len(s.writes) == 0 {
		return 0
	}
	w := &s.writes[0]
	s.writes = s.writes[1:]
	return in.Encode(&w.Command, member.Ticket{Waiter: &s.localSink, Tag: w.Tag})
}

// localSink tells a caller within the process of the outcomes of what it has
// submitted, those of a turn at once. It belongs to the owner of the turn.
type localSink struct {
	f        *front
	sink     wire.Sink
	outcomes []wire.Outcome
}

// Answer is part of member.Waiter.
func (s *localSink) Answer(tag uint64, _ int, reply *wire.Reply) {
	if len(s.outcomes) == 0 {
		s.f.settling = append(s.f.settling, s)
	}
	s.outcomes = append(s.outcomes, wire.Outcome{Tag: tag, Reply: *reply})
}

// settle tells the outcomes of this turn. Owner only.
func (f *front) settle() {
	for _, s := range f.settling {
		s.sink.Settle(s.outcomes)
		clear(s.outcomes)
		s.outcomes = s.outcomes[:0]
	}
	clear(f.settling)
	f.settling = f.settling[:0]
}
