package driver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// handle is a sequence of operations that are seen in program order, a session:
// that of a DB, or of a Conn.
type handle struct {
	db    *DB
	state atomic.Pointer[state]

	opening chan struct{} // a lock, held while the session is opened or closed in the group

	life      lifetime
	failures  failures // of asynchronous writes
	abandoned abandoned

	closed atomic.Bool   // by its Conn's Close
	done   chan struct{} // closed after closed is set, or the DB's closing
	ended  outcome       // of a Conn's Close
}

// state is what a session has seen of one group and generation. When the handle
// is bound to another, it gets a new one, and one operation returns ErrGeneration.
type state struct {
	bound    *session.Binding // nil as long as the session has not used a connection
	position atomic.Uint64
	writer   *writer
}

// writer is the session as the group knows it. It is apart from the position, so
// that readers do not feel its lock.
type writer struct {
	outstanding atomic.Int64 // asynchronous writes that have not ended; written with mu held

	mu      sync.Mutex // guards all below
	session session.Session
	stream  *stream // nil: nothing was written asynchronously
}

func newHandle(db *DB) *handle {
	h := &handle{db: db, opening: make(chan struct{}, 1), done: make(chan struct{}), ended: newOutcome()}
	h.state.Store(newState(nil))
	return h
}

func newState(bound *session.Binding) *state {
	return &state{bound: bound, writer: new(writer)}
}

// raise notes that the session has seen position.
func (st *state) raise(position uint64) {
	for {
		seen := st.position.Load()
		raised := session.Raise(seen, position)
		if raised == seen || st.position.CompareAndSwap(seen, raised) {
			return
		}
	}
}

// blank reports whether a session has nothing that it could lose.
func (st *state) blank() bool {
	if st.position.Load() != 0 {
		return false
	}
	st.writer.mu.Lock()
	defer st.writer.mu.Unlock()
	return st.writer.session.Blank()
}

// enter numbers a write; op is nil for a caller who only wants the session's id.
func (w *writer) enter(op *session.Operation) (id uint64, r session.Readiness) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.enterLocked(op)
}

func (w *writer) enterLocked(op *session.Operation) (id uint64, r session.Readiness) {
	if op == nil {
		return w.session.Use()
	}
	r = w.session.Begin(op)
	id, _ = op.Numbered()
	return id, r
}

// opened takes the session's id, and numbers the write for which it was opened.
func (w *writer) opened(id uint64, op *session.Operation) session.Readiness {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session.Opened(id)
	_, r := w.enterLocked(op)
	return r
}

// number gives a command what it carries in the operation's present attempt.
func (w *writer) number(op *session.Operation, command *wire.Command) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session.Number(op, command)
}

// end notes that a write or a renewal has ended.
func (w *writer) end(op *session.Operation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session.End(op)
}

// writing numbers a write, after opening the session in the group if need be,
// and returns the session's id and the state that it belongs to. With op nil it
// does the same for nobody's write. It returns ErrSessionExpired once if the
// session has expired unnoticed.
func (h *handle) writing(ctx context.Context, op *session.Operation) (*state, uint64, error) {
	st := h.state.Load()
	id, r := st.writer.enter(op)
	if r == session.Unopened {
		select {
		case h.opening <- struct{}{}:
		case <-ctx.Done():
			return nil, 0, h.unavailable(ctx.Err(), nil)
		case <-h.done:
			return nil, 0, ErrClosed
		case <-h.db.done:
			return nil, 0, ErrClosed
		}
		defer func() { <-h.opening }()
		st = h.state.Load()
		id, r = st.writer.enter(op)
	}
	switch r {
	case session.Ready:
		return st, id, nil
	case session.Lost:
		h.expired()
		return nil, 0, ErrSessionExpired
	default:
		return h.open(ctx, st, op)
	}
}

// open opens the session in the group. The caller holds the lock on that.
func (h *handle) open(ctx context.Context, st *state, first *session.Operation) (*state, uint64, error) {
	if !h.db.keeper.keep(h) {
		return nil, 0, ErrClosed
	}
	op := operation{
		handle: h, state: st, ctx: ctx, Operation: session.Operation{Kind: session.Open}, command: h.life.open(),
	}
	begun := time.Now()
	reply, err := op.run()
	if err == nil {
		err = replyError(reply, &op.command)
	}
	if err != nil {
		h.db.keeper.drop(h)
		return nil, 0, err
	}
	// The first operation of a session may have bound it.
	op.state.raise(reply.Position)
	if op.state.writer.opened(reply.Position, first) != session.Ready {
		return nil, 0, fmt.Errorf("%w: node %s opened a session without an id", ErrProtocol, op.answered.NodeID)
	}
	h.opened(reply.Position, begun)
	if h.isClosed() {
		// Close has found no session to close, and may wait for this one.
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		h.endOpened(ctx)
		return nil, 0, ErrClosed
	}
	if h.life.ttl == 0 {
		h.db.renewEvery(op.answered.SessionTTL)
	}
	return op.state, reply.Position, nil
}

// renew keeps the session alive if it has not written lately.
func (h *handle) renew(ctx context.Context) {
	if h.life.ttl > 0 {
		return // it sees to that itself
	}
	op := operation{handle: h, state: h.state.Load(), ctx: ctx}
	if op.upkeep((*session.Session).Renew) {
		_, _ = op.run() // if it fails, the next one may not; if the session expires before, a write returns that
		op.state.writer.end(&op.Operation)
		h.expired()
	}
}

// upkeep makes the operation what a method of the session says, if there is anything
// to be done.
func (op *operation) upkeep(what func(*session.Session, *session.Operation) (wire.Command, bool)) (ok bool) {
	w := op.state.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	op.command, ok = what(&w.session, &op.Operation)
	return ok
}

// end closes the session in the group, also one that is being opened, if that can
// be done within ctx. Otherwise it expires by itself.
func (h *handle) end(ctx context.Context) {
	select {
	case h.opening <- struct{}{}:
	case <-ctx.Done():
		return // open sees that the handle is closed
	}
	defer func() { <-h.opening }()
	h.endOpened(ctx)
}

// endOpened is end for a caller that holds the lock on opening.
func (h *handle) endOpened(ctx context.Context) {
	h.life.over()
	op := operation{handle: h, state: h.state.Load(), ctx: ctx}
	if op.upkeep((*session.Session).Close) && h.db.pool.connected() {
		_, _ = op.run() // if it fails, the session expires
	}
}

// SessionID returns the id of the session in the group. If the session has not written
// yet, SessionID opens it. After ErrSessionExpired and ErrGeneration the session is
// another one.
func (h *handle) SessionID(ctx context.Context) (uint64, error) {
	if err := h.usable(); err != nil {
		return 0, err
	}
	ctx, cancel := h.db.bounded(ctx)
	if cancel != nil {
		defer cancel()
	}
	_, id, err := h.writing(ctx, nil)
	return id, err
}

// usable is ErrClosed when the handle was closed.
func (h *handle) usable() error {
	if h.isClosed() {
		return ErrClosed
	}
	return nil
}

// ends returns the channels that the Close of a handle and that of its DB close.
// Those of nil are never closed.
func (h *handle) ends() (own, whole <-chan struct{}) {
	if h == nil {
		return nil, nil
	}
	return h.done, h.db.done
}

// isClosed reports whether the handle, or its DB, was closed.
func (h *handle) isClosed() bool { return h.closed.Load() || h.db.closing.Load() }

// gone returns cause, the end of a context or of a connection, and that it is
// ErrClosed if the handle was closed: its end shows as that of the contexts that it
// lends and of its connections.
func (h *handle) gone(cause error) error {
	if h.isClosed() && !errors.Is(cause, ErrClosed) {
		return fmt.Errorf("%w: %w", ErrClosed, cause)
	}
	return cause
}

// unavailable is ErrUnavailable because of cause, the end of a context, or
// ErrClosed if that is the handle's.
func (h *handle) unavailable(cause, last error) error {
	if h.isClosed() {
		return h.gone(cause)
	}
	return unavailable(cause, last)
}

// closeTimeout bounds how long Close tries to close sessions in the group.
const closeTimeout = time.Second
