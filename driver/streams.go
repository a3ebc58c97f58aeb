package driver

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Bounds of the asynchronous writes of a session that have not ended. The highest
// leaves half of the results that the group keeps of a session to writes of others
// that are slow.
const (
	defaultMaxAsync = 4096
	highestMaxAsync = 32768
)

// streams are those of a DB and its Conns.
type streams struct {
	max   atomic.Int64
	pumps sync.WaitGroup

	mu     sync.Mutex // guards all below
	all    map[*stream]struct{}
	closed bool
}

// SetMaxAsync limits the outstanding asynchronous writes of each session, that of the
// DB and of every Conn. At the limit, issuing a write blocks. Values are clamped to 1
// to 32,768; the default is 4,096. The option max_async does the same.
func (db *DB) SetMaxAsync(n int) { db.streams.setMax(n) }

func (l *streams) setMax(n int) { l.max.Store(int64(min(max(n, 1), highestMaxAsync))) }

// begin starts a stream's pump, unless its handle is closed.
func (l *streams) begin(s *stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || s.handle.closed.Load() {
		return false
	}
	l.all[s] = struct{}{}
	l.pumps.Go(s.pump)
	return true
}

func (l *streams) drop(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, s)
}

// close ends all streams. It returns how many writes it has given up, and the first
// error of a write of main, or of another handle with a stream, that neither a Wait nor
// a Flush has returned. The streams' pumps end with the pool at the latest.
func (l *streams) close(main *handle) (givenUp AbandonedError, untold error) {
	l.mu.Lock()
	l.closed = true
	all := slices.Collect(maps.Keys(l.all))
	l.mu.Unlock()
	untold = main.failures.take()
	for _, s := range all {
		untold = cmp.Or(untold, s.handle.failures.take())
		givenUp.add(s.end(ErrClosed))
	}
	return givenUp, untold
}

// closeOf ends the streams of a handle, which is closed.
func (l *streams) closeOf(h *handle) {
	l.mu.Lock()
	all := slices.DeleteFunc(slices.Collect(maps.Keys(l.all)), func(s *stream) bool { return s.handle != h })
	l.mu.Unlock()
	for _, s := range all {
		s.end(ErrClosed)
	}
}
