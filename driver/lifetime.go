package driver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Bounds of SessionTTL.
const (
	MinSessionTTL = wire.MinSessionTTL * time.Millisecond
	MaxSessionTTL = wire.MaxSessionTTL * time.Millisecond
)

// SessionOption says what the session is like that [DB.Session] begins.
type SessionOption struct {
	ttl time.Duration
}

// SessionTTL gives a session a TTL of its own, from 100 ms to 24 h, rounded up to whole
// milliseconds: if the group hears nothing of the session for so long, the session expires, and
// the variables that are Ephemeral to it go. Without one, a session has the TTL of the group, a
// minute by default.
func SessionTTL(d time.Duration) SessionOption { return SessionOption{ttl: d} }

// Session is Conn for a session with options, which it opens in the group at once. If an
// option is impossible, ErrOption is returned, and ErrUnsupported if a member of the group is of
// a release without TTLs.
func (db *DB) Session(ctx context.Context, options ...SessionOption) (*Conn, error) {
	ttl := db.life.ttl
	for _, o := range options {
		if o.ttl < MinSessionTTL || o.ttl > MaxSessionTTL {
			return nil, fmt.Errorf("%w: SessionTTL(%v): must be from %v to %v", ErrOption, o.ttl, MinSessionTTL, MaxSessionTTL)
		}
		ttl = o.ttl
	}
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c.life.ttl = ttl
	if _, err := c.SessionID(ctx); err != nil {
		_ = c.Close() // it has nothing that could be lost
		return nil, err
	}
	return c, nil
}

// Done returns a channel that is closed when the session must be taken for lost: it was
// closed, the group has forgotten it, or, with a TTL of its own, no renewal was answered that was
// sent within nine tenths of it. As long as the clocks of this process and of the nodes run at
// the same rate, that is before anybody else can see that the session has expired. Later writes
// return ErrSessionExpired once, and then begin another session, for which Done returns
// another channel. Before the session is open, the channel is that of the first.
func (h *handle) Done() <-chan struct{} {
	l := &h.life
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.channelLocked()
}

// lifetime is what a handle knows of how long its session lives.
type lifetime struct {
	ttl time.Duration // the session's own; 0: that of the group. Set before it is used

	mu    sync.Mutex // guards all below
	id    uint64     // of the session that lives, 0: none
	ended bool       // the handle was closed: there is no other session
	done  chan struct{}
	lapse *time.Timer // that ends it, with a TTL of its own
	stop  context.CancelFunc
}

func (l *lifetime) channelLocked() chan struct{} {
	if l.done == nil {
		l.done = make(chan struct{})
	}
	return l.done
}

// safe is for how long after a command was sent that the group has answered the session
// counts as alive.
func (l *lifetime) safe() time.Duration { return l.ttl - l.ttl/10 }

// open returns the command that opens a session.
func (l *lifetime) open() wire.Command {
	if l.ttl == 0 {
		return wire.Command{Op: wire.OpOpenSession}
	}
	millis := (l.ttl + time.Millisecond - 1) / time.Millisecond
	return wire.Command{Op: wire.OpOpenTimed, Delta: int64(millis)}
}

// opened notes that the session was opened by what was sent at begun or later.
func (h *handle) opened(id uint64, begun time.Time) {
	l := &h.life
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.endLocked()
	if l.id = id; l.ttl == 0 {
		return
	}
	l.lapse = time.AfterFunc(l.safe()-time.Since(begun), func() { h.lapse(id) })
	var ctx context.Context
	ctx, l.stop = context.WithCancel(h.db.keeper.ctx)
	h.db.keeper.look(func() { h.keepAlive(ctx, id) })
}

// endLocked ends what is left of the session of before.
func (l *lifetime) endLocked() {
	if l.id == 0 {
		return
	}
	l.id = 0
	close(l.channelLocked())
	l.done = nil
	if l.lapse != nil {
		l.lapse.Stop()
		l.stop()
		l.lapse = nil
	}
}

// over ends the lifetime of whatever session there is, because it was closed.
func (l *lifetime) over() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	l.endLocked()
	close(l.channelLocked())
}

// expired ends the lifetime if its session is not that of the handle any more.
func (h *handle) expired() { h.life.endUnless(h.state.Load().writer.current()) }

// endUnless ends the lifetime of another session than the one with this id, which is 0 if none
// is open. The caller may hold the writer's lock.
func (l *lifetime) endUnless(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.id != id {
		l.endLocked()
	}
}

// current returns the id of the session, 0 if it is not open.
func (w *writer) current() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.session.ID()
}

// lapse takes a session for lost of which no renewal was answered in time.
func (h *handle) lapse(id uint64) {
	w := h.state.Load().writer
	w.mu.Lock()
	w.session.Lapse(id)
	w.mu.Unlock()
	h.expired()
}

// extend notes that the group has heard of the session what was sent at begun or later.
func (l *lifetime) extend(id uint64, begun time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A timer that has fired ends the session: it may have been too late already.
	if l.id == id && l.lapse.Stop() {
		l.lapse.Reset(l.safe() - time.Since(begun))
	}
}

// renewalsPerTTL is how often a session with a TTL of its own is renewed in that time.
const renewalsPerTTL = 4

// keepAlive renews a session with a TTL of its own until it is over.
func (h *handle) keepAlive(ctx context.Context, id uint64) {
	interval := h.life.ttl / renewalsPerTTL
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		begun := time.Now()
		err := h.renewID(ctx, id)
		switch {
		case err == nil:
			h.life.extend(id, begun)
		case errors.Is(err, ErrSessionExpired) || errors.Is(err, ErrGeneration):
			h.lapse(id)
			return
		}
	}
}

// renewID renews the session, within its time, if it is still that of the handle.
func (h *handle) renewID(ctx context.Context, id uint64) error {
	ctx, cancel := context.WithTimeout(ctx, h.life.safe())
	defer cancel()
	op := operation{handle: h, state: h.state.Load(), ctx: ctx}
	if !op.upkeep(func(s *session.Session, o *session.Operation) (wire.Command, bool) { return s.RenewAs(o, id) }) {
		return ErrSessionExpired
	}
	reply, err := op.run()
	op.state.writer.end(&op.Operation)
	if err != nil {
		return err
	}
	return replyError(reply, &op.command)
}

// Ephemeral is an option of Put, Inc and App, and of the methods that they stand for: the
// variable is that of the session, which must have a TTL of its own (see [SessionTTL]), and
// expires when the session ends. Another session that sets the variable without KeepTTL
// frees it. If the session has the TTL of the group, ErrOption is returned.
var Ephemeral = WriteOption{own: true}

var (
	errOwnMisused = errors.New("it cannot be Ephemeral")
	errKeepAndOwn = errors.New("both Ephemeral and KeepTTL, which keeps the owner that there is")
)

// errNoOwner is why an Ephemeral is impossible.
var errNoOwner = errors.New("it is Ephemeral, and needs a session with a TTL of its own: see DB.Session and session_ttl")

// mayOwn returns why the transaction cannot be one of the handle's session.
func (h *handle) mayOwn(t *wire.Txn) error {
	if h.life.ttl > 0 {
		return nil
	}
	for _, ops := range [][]wire.TxnOp{t.Then, t.Else} {
		for i := range ops {
			if ops[i].Ephemeral {
				return impossible(ops[i].Key, errNoOwner)
			}
		}
	}
	return nil
}
