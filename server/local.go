package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// localConn is a connection within the process: reads look into the replica,
// writes take the protocol's turn on the caller's goroutine.
type localConn struct {
	f      *front
	within context.Context // ends the calls in flight; nil: nothing does
	client string          // as it calls itself
	lock   wire.Lock       // of its sessions
}

var (
	_ wire.Conn    = localConn{}
	_ wire.Local   = localConn{}
	_ wire.Bounded = localConn{}
)

// Within returns the connection of a client, with calls that ctx ends, as
// wire.Bounded says.
func (c localConn) Within(ctx context.Context, client string, secret wire.Secret) wire.Conn {
	return localConn{f: c.f, within: ctx, client: client, lock: secret.Lock()}
}

// ended is closed when the connection's calls are to end.
func (c localConn) ended() <-chan struct{} {
	if c.within == nil {
		return nil
	}
	return c.within.Done()
}

var (
	errLocalClosed = errors.New("server: the embedded node has stopped")
	errLocalEnded  = errors.New("server: the connection to the embedded node was closed")
	errNotServing  = errors.New("server: the embedded node does not serve now")
)

// Get reads at or after position, as wire.Conn says.
func (c localConn) Get(ctx context.Context, key string, position uint64, strong bool) (wire.Reply, error) {
	if !c.f.reader.Serves() {
		return wire.Reply{Status: wire.StatusUnavailable}, nil
	}
	if !strong {
		if s := c.f.reader.State(); s.Applied() >= position {
			return member.GetReply(s.Get(key)), nil
		}
	}
	return c.getLater(ctx, key, position, strong)
}

// Reader returns the member's reader itself, so that a read passes nothing between.
func (c localConn) Reader() wire.LocalReader { return c.f.reader }

func (c localConn) getLater(ctx context.Context, key string, position uint64, strong bool) (wire.Reply, error) {
	p := c.read(ctx, position)
	p.Key = key
	if strong {
		return c.post(ctx, p, func(m *member.Member) { m.ReadStrong(p) })
	}
	return c.post(ctx, p, func(m *member.Member) { m.Park(p) })
}

// await has a read, which set completes, parked until the replica has reached a position.
func (c localConn) await(ctx context.Context, position uint64, set func(*member.Read)) (wire.Reply, error) {
	if !c.f.reader.Serves() {
		return wire.Reply{Status: wire.StatusUnavailable}, nil
	}
	p := c.read(ctx, position)
	set(p)
	return c.post(ctx, p, func(m *member.Member) { m.Park(p) })
}

// read returns a read that waits as long as ctx does.
func (c localConn) read(ctx context.Context, position uint64) *member.Read {
	timeout := member.DefaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	return &member.Read{Ticket: member.Ticket{Waiter: make(replies, 1)}, Position: position, Deadline: c.f.reader.Clock().Steady() + timeout}
}

// post has the owner of the turn begin a read, and waits for its answer.
func (c localConn) post(ctx context.Context, p *member.Read, begin func(*member.Member)) (wire.Reply, error) {
	answer := p.Waiter.(replies)
	if !c.f.turns.post(begin) {
		return wire.Reply{Status: wire.StatusUnavailable}, nil
	}
	select {
	case reply := <-answer:
		return reply, nil
	case <-c.f.ended:
		return wire.Reply{Status: wire.StatusUnavailable}, nil
	case <-ctx.Done():
		return wire.Reply{}, ctx.Err()
	case <-c.ended():
		return wire.Reply{}, errLocalEnded
	}
}

// replies takes the answer to one request.
type replies chan wire.Reply

// Answer is part of member.Waiter.
func (r replies) Answer(_ uint64, _ int, reply *wire.Reply) { r <- *reply }

// call is a write under way. Calls are reused, so that a write costs no
// garbage of its own; one whose caller gave up is not.
type call struct {
	done  replies
	raw   []byte
	added bool // to an inbox
}

// add is part of batch.
func (w *call) add(in *member.Inbox) (size int) {
	if w.added {
		return 0
	}
	w.added = true
	in.Command(w.raw, member.Ticket{Waiter: w.done})
	return len(w.raw)
}

var calls = sync.Pool{New: func() any { return &call{done: make(replies, 1)} }}

// Write orders a command and waits for its delivery at this node.
func (c localConn) Write(ctx context.Context, position uint64, cmd wire.Command) (wire.Reply, error) {
	if c.f.reader.Leaving() || !c.f.reader.Serves() {
		return wire.Reply{Status: wire.StatusUnavailable}, nil
	}
	if refusal := c.f.reader.Refuse(cmd.Op.Operation()); refusal != nil {
		return refusal.Reply(), nil
	}
	if err := ctx.Err(); err != nil {
		return wire.Reply{}, fmt.Errorf("%w: %w", wire.ErrNotSent, err)
	}
	if cmd.Op.Opens() {
		p, opens := c.read(ctx, position), c.f.openSession(embeddedName(c.client, c.f.node), c.lock, &cmd)
		return c.post(ctx, p, func(m *member.Member) { m.Open(p, opens) })
	}
	w := calls.Get().(*call)
	w.raw, w.added = cmd.Append(w.raw[:0]), false
	if c.f.turns.submitWithin(ctx, c.within, w) == 0 {
		calls.Put(w)
		if err := ctx.Err(); err != nil {
			return wire.Reply{}, fmt.Errorf("%w: %w", wire.ErrNotSent, err)
		}
		return wire.Reply{Status: wire.StatusUnavailable}, nil
	}
	select {
	case reply := <-w.done:
		calls.Put(w)
		return reply, nil
	case <-ctx.Done():
		return wire.Reply{}, ctx.Err()
	case <-c.ended():
		return wire.Reply{}, errLocalEnded
	}
}

// Ping tells whether the replica still runs.
func (c localConn) Ping(context.Context) error {
	select {
	case <-c.f.ended:
		return errLocalClosed
	default:
		return nil
	}
}

// Info tells what a handshake would, but for MaxInFlight: callers within the
// process are not counted.
func (c localConn) Info() wire.Info {
	info := c.f.info()
	info.MaxInFlight = 0
	return info
}

// Close does nothing: the node goes on, and Within says what ends calls.
func (c localConn) Close() error { return nil }
