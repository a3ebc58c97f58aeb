package point

import (
	"context"
	"errors"
	"sync"
)

var errRefused = errors.New("refused")

// fake is a system in memory. It refuses writes after some, if told to.
type fake struct {
	mu      sync.Mutex // guards what follows
	values  map[string][]byte
	version uint64
	writes  int
	refuse  int // the write that is refused, and those after it; 0: none
	opened  int
	closed  bool
	waiting int // writes that were begun and not waited for
	most    int // of these at a time

	watching  []*fakeWatch
	sends     int                // to watchers, so far
	send      func(e *fakeEvent) // changes what is sent, if set; watcher -1: it is not sent
	swaps     int                // so far
	swap      func(s *fakeSwap)  // changes what is done, if set
	unwatched int                // Watchers that were closed
}

// fakeEvent is what one watcher is sent.
type fakeEvent struct {
	n       int // from 1: of all that were to be sent
	watcher int
	key     string
	value   []byte
	version uint64
	twice   bool
}

// fakeSwap is a transaction.
type fakeSwap struct {
	n     int     // from 1
	look  [2]bool // at whether the variable has changed
	write [2]bool
}

func newFake() *fake { return &fake{values: map[string][]byte{}} }

func (f *fake) Client(context.Context, int) (Client, error) {
	f.opened++
	return fakeClient{f}, nil
}

func (f *fake) Close() error {
	f.closed = true
	return nil
}

type fakeClient struct{ f *fake }

func (c fakeClient) Write(_ context.Context, key string, value []byte) error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.writes++
	if c.f.refuse > 0 && c.f.writes >= c.f.refuse {
		return errRefused
	}
	c.f.setLocked(key, value)
	return nil
}

func (f *fake) setLocked(key string, value []byte) {
	f.version++
	f.values[key] = append([]byte(nil), value...)
	for i, w := range f.watching {
		f.sends++
		e := fakeEvent{n: f.sends, watcher: i, key: key, value: f.values[key], version: f.version}
		if f.send != nil {
			f.send(&e)
		}
		if e.watcher >= 0 {
			w.put(e)
		}
		if e.twice {
			w.put(e)
		}
	}
}

func (c fakeClient) Read(_ context.Context, key string) (int, error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	return len(c.f.values[key]), nil
}

func (c fakeClient) WriteAsync(ctx context.Context, key string, value []byte) (Pending, error) {
	err := c.Write(ctx, key, value)
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.waiting++
	c.f.most = max(c.f.most, c.f.waiting)
	return fakePending{c.f, err}, nil
}

type fakePending struct {
	f   *fake
	err error
}

func (p fakePending) Wait(context.Context) error {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.f.waiting--
	return p.err
}

// ReadTwo reads both at one moment.
func (c fakeClient) ReadTwo(_ context.Context, keys [2]string) (seen [2]Seen, err error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	for i, k := range keys {
		seen[i].Value = c.f.values[k]
	}
	return seen, nil
}

// SwapTwo compares values.
func (c fakeClient) SwapTwo(_ context.Context, keys [2]string, seen [2]Seen, values [2][]byte) error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.swaps++
	s := fakeSwap{n: c.f.swaps, look: [2]bool{true, true}, write: [2]bool{true, true}}
	if c.f.swap != nil {
		c.f.swap(&s)
	}
	for i, k := range keys {
		if s.look[i] && string(c.f.values[k]) != string(seen[i].Value) {
			return ErrChanged
		}
	}
	for i, k := range keys {
		if s.write[i] {
			c.f.setLocked(k, values[i])
		}
	}
	return nil
}

// fakeWatch has the events that a watcher has not taken.
type fakeWatch struct {
	mu     sync.Mutex // guards events
	events []fakeEvent
	more   chan struct{}
}

func (w *fakeWatch) put(e fakeEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *fakeWatch) take() []fakeEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := w.events
	w.events = nil
	return events
}

// Watchers watch everything.
func (f *fake) Watchers(_ context.Context, n int, _ string) (Watchers, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.watching = append(f.watching, &fakeWatch{more: make(chan struct{}, 1)})
	}
	return fakeWatchers{f}, nil
}

type fakeWatchers struct{ f *fake }

func (w fakeWatchers) Run(ctx context.Context, i int, see See) error {
	watch := w.f.watching[i]
	for {
		for _, e := range watch.take() {
			if err := see(e.key, e.value, e.version); err != nil {
				return err
			}
		}
		select {
		case <-watch.more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w fakeWatchers) Close() error {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.watching = nil
	w.f.unwatched++
	return nil
}
