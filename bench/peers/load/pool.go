package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
			return nil, fmt.Errorf("load: opening client %d: %w", i, err)
		}
		p.clients = append(p.clients, c)
	}
	return p.clients[:n], nil
}

// Preload gives every key a first value.
func (p *Pool) Preload(ctx context.Context, keys []string, valueBytes int) error {
	clients, err := p.take(ctx, min(preloaders, len(keys)))
	if err != nil {
		return err
	}
	errs := make([]error, len(clients))
	var group sync.WaitGroup
	for i, c := range clients {
		group.Go(func() {
			value := newValue(i, valueBytes)
			for key := i; key < len(keys) && errs[i] == nil; key += len(clients) {
				errs[i] = errors.Join(ctx.Err(), c.Write(ctx, keys[key], value.next()))
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("load: writing the first values: %w", err)
	}
	return nil
}
