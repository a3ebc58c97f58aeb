package point

import (
	"context"
	"fmt"

	"github.com/seed-8247e700/dsm/bench/load"
)

// preloaders is how many clients write the first values.
const preloaders = 64

// Pool is a system with its clients, which are opened as they are needed and
// used by one point after another.
type Pool struct {
	system   System
	clients  []Client
	newAlarm func() (alarm, error)
}

// NewPool returns the pool of a system, and owns the system.
func NewPool(system System) *Pool {
	return &Pool{system: system, newAlarm: newKernelAlarm}
}

// Close ends the system.
func (p *Pool) Close() error { return p.system.Close() }

// take returns n clients.
func (p *Pool) take(ctx context.Context, n int) ([]Client, error) {
	for i := len(p.clients); i < n; i++ {
		c, err := p.system.Client(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("point: opening client %d: %w", i, err)
		}
		p.clients = append(p.clients, c)
	}
	return p.clients[:n], nil
}

// Open takes a client that the pool has.
func (v valued) Open(_ context.Context, client int) (load.Memory, error) {
	return &sized{v.pool.clients[client], v.bytes}, nil
}

// valued is a pool whose values have a size.
type valued struct {
	pool  *Pool
	bytes int
}

// Preload gives every key a first value.
func (p *Pool) Preload(ctx context.Context, keys []string, valueBytes int) error {
	n := min(preloaders, len(keys))
	if _, err := p.take(ctx, n); err != nil {
		return err
	}
	m := &point{work: Work{Kind: Writes, Keys: keys, ValueBytes: valueBytes}, clock: load.NewClock(), fail: func(error) {}}
	cs, err := m.open(ctx, valued{p, valueBytes}, n)
	if err == nil {
		err = cs.Preload(ctx, len(keys))
	}
	if err != nil {
		return fmt.Errorf("point: writing the first values: %w", err)
	}
	return nil
}
