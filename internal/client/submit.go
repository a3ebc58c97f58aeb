package client

import (
	"context"
	"slices"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// Submit hands over writes whose outcomes sink is told, as wire.Conn says. It
// writes them to the network, as far as the connection takes them at once.
func (c *Conn) Submit(_ context.Context, writes []wire.Submission, sink wire.Sink) (taken int, err error) {
	if c.info.MaxTxnBytes == 0 {
		first := slices.IndexFunc(writes, func(w wire.Submission) bool { return w.Command.Op == wire.OpTxn })
		if first == 0 {
			sink.Settle([]wire.Outcome{{Tag: writes[0].Tag, Reply: c.unsupported("transactions")}})
			return 1, nil
		}
		if first > 0 {
			writes = writes[:first]
		}
	}
	c.mu.Lock()
	if err := c.refusesLocked(); err != nil {
		c.mu.Unlock()
		return 0, notSent(err)
	}
	taken = c.slots.roomFor(len(writes))
	if taken == 0 {
		c.mu.Unlock()
		return 0, nil
	}
	flush := false
	request := wire.Request{Kind: wire.RequestWrite, Timeout: c.timeout}
	for i := range writes[:taken] {
		request.ID = c.slots.submit(sink, writes[i].Tag, c.out.batch+1)
		request.Command = writes[i].Command
		flush = c.enqueueLocked(&request, nil) || flush
	}
	c.mu.Unlock()
	if flush {
		c.flush()
	}
	return taken, nil
}

// outcomes are collected under a connection's lock and told without it.
type outcomes struct {
	sinks []wire.Sink // of each
	list  []wire.Outcome
}

func (o *outcomes) add(sink wire.Sink, outcome wire.Outcome) {
	o.sinks = append(o.sinks, sink)
	o.list = append(o.list, outcome)
}

// tell tells each sink of what it has, in order, and forgets it.
func (o *outcomes) tell() {
	for first, i := 0, 1; i <= len(o.list); i++ {
		if i == len(o.list) || o.sinks[i] != o.sinks[first] {
			o.sinks[first].Settle(o.list[first:i])
			first = i
		}
	}
	clear(o.sinks)
	clear(o.list)
	o.sinks, o.list = o.sinks[:0], o.list[:0]
}
