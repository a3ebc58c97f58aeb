package driver

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// session is a sequence of operations that are seen in program order: that of a
// DB, or of a Conn.
type session struct {
	db     *DB
	closed atomic.Bool
	state  atomic.Pointer[state]

	opening chan struct{} // a lock, held by whoever opens the session in the group
}

// state is what a session has seen of one group and generation. When the handle
// is bound to another, the session gets a new one, and tells so once.
type state struct {
	bound    *binding // nil as long as the session has not used a connection
	position atomic.Uint64
	writer   atomic.Pointer[writer]
	lost     atomic.Bool // the session expired while no write was in flight: the next one is told
}

// writer is the session as the group knows it.
type writer struct {
	id     uint64
	writes sequence
	active atomic.Bool // a write was answered since the keeper looked last
}

func newSession(db *DB) *session {
	s := &session{db: db, opening: make(chan struct{}, 1)}
	s.state.Store(new(state))
	return s
}

// raise notes that the session has seen position.
func (st *state) raise(position uint64) {
	for {
		seen := st.position.Load()
		if position <= seen || st.position.CompareAndSwap(seen, position) {
			return
		}
	}
}

// blank reports whether a session has nothing that it could lose.
func (st *state) blank() bool {
	return st.position.Load() == 0 && st.writer.Load() == nil
}

// writing returns the session's writer, after opening the session in the group
// if need be. It returns ErrSessionExpired once if it has expired unnoticed.
func (s *session) writing(ctx context.Context) (*state, *writer, error) {
	st := s.state.Load()
	if w := st.writer.Load(); w != nil {
		return st, w, nil
	}
	select {
	case s.opening <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, unavailable(ctx.Err(), nil)
	}
	defer func() { <-s.opening }()
	st = s.state.Load()
	if w := st.writer.Load(); w != nil {
		return st, w, nil
	}
	if st.lost.CompareAndSwap(true, false) {
		return nil, nil, ErrSessionExpired
	}
	op := operation{session: s, state: st, ctx: ctx, kind: kindOpen, command: wire.Command{Op: wire.OpOpenSession}}
	reply, err := op.run()
	if err != nil {
		return nil, nil, err
	}
	if err := replyError(reply, &op.command); err != nil {
		return nil, nil, err
	}
	// The first operation of a session may have bound it.
	w := &writer{id: reply.Position}
	op.state.raise(reply.Position)
	op.state.writer.Store(w)
	s.db.keep(s, op.answered.SessionTTL)
	return op.state, w, nil
}

// expire notes that the group has forgotten the session.
func (st *state) expire(w *writer) bool {
	return st.writer.CompareAndSwap(w, nil)
}

// renew keeps the session alive if it has not written lately.
func (s *session) renew(ctx context.Context) {
	st := s.state.Load()
	w := st.writer.Load()
	if w == nil || w.active.Swap(false) {
		return
	}
	op := operation{
		session: s, state: st, ctx: ctx, kind: kindUpkeep,
		command: wire.Command{Op: wire.OpRenewSession, Session: w.id},
	}
	reply, err := op.run()
	if err != nil {
		// It is renewed next time; if it expires before, a write is told.
		return
	}
	if reply.Status == wire.StatusSessionExpired && st.expire(w) && !w.writes.waited() {
		st.lost.Store(true)
	}
}

// end closes the session in the group, if that can be done at once. Otherwise
// it expires by itself.
func (s *session) end(ctx context.Context) {
	st := s.state.Load()
	w := st.writer.Swap(nil)
	if w == nil || !s.db.pool.connected() {
		return
	}
	op := operation{
		session: s, state: st, ctx: ctx, kind: kindUpkeep,
		command: wire.Command{Op: wire.OpCloseSession, Session: w.id},
	}
	_, _ = op.run() // nobody is left who would want to know
}

// sessionID opens the session in the group if need be and returns its id.
func (s *session) sessionID(ctx context.Context) (uint64, error) {
	if err := s.usable(); err != nil {
		return 0, err
	}
	ctx, cancel := s.db.bounded(ctx)
	if cancel != nil {
		defer cancel()
	}
	_, w, err := s.writing(ctx)
	if err != nil {
		return 0, err
	}
	return w.id, nil
}

// usable is ErrClosed when the handle was closed.
func (s *session) usable() error {
	if s.closed.Load() || s.db.closing.Load() {
		return ErrClosed
	}
	return nil
}

// closeTimeout bounds how long Close tries to close sessions in the group.
const closeTimeout = time.Second
