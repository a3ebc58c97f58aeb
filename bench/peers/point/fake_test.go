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
	writes  int
	refuse  int // the write that is refused, and those after it; 0: none
	opened  int
	closed  bool
	waiting int // writes that were begun and not waited for
	most    int // of these at a time
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
	c.f.values[key] = append([]byte(nil), value...)
	return nil
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
