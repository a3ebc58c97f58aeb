package systems

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/seed-8247e700/dsm/bench/peers/point"
)

// plainMap is a Go map without a lock. Go allows no writer beside readers of it, so
// once it is read the writes go to a copy: the readers have the same company, and
// nothing to wait for. It is a limit, not a system.
type plainMap struct {
	values map[string][]byte // frozen when the first client reads
	freeze sync.Once

	mu   sync.Mutex // guards copy
	copy map[string][]byte
}

func startMap(context.Context, Env) (point.System, error) {
	return &plainMap{copy: map[string][]byte{}}, nil
}

// Client reads and writes without waiting.
func (m *plainMap) Client(context.Context, int) (point.Client, error) { return &mapClient{m: m}, nil }

// Close has nothing to end.
func (m *plainMap) Close() error { return nil }

// mapClient has the map itself once it has read.
type mapClient struct {
	m      *plainMap
	values map[string][]byte
}

// Write sets a value of the copy.
func (c *mapClient) Write(_ context.Context, key string, value []byte) error {
	v := append([]byte(nil), value...)
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.copy[key] = v
	return nil
}

// Read looks into the map, which nobody changes any more.
func (c *mapClient) Read(_ context.Context, key string) (int, error) {
	if c.values == nil {
		c.m.freeze.Do(func() {
			c.m.mu.Lock()
			defer c.m.mu.Unlock()
			c.m.values = maps.Clone(c.m.copy)
		})
		c.values = c.m.values
	}
	v, ok := c.values[key]
	if !ok {
		return 0, fmt.Errorf("systems: the map has no %q", key)
	}
	return len(v), nil
}
