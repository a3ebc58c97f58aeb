package point

import (
	"context"
	"fmt"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/internal/history"
)

// System is a store that is running.
type System interface {
	// Client opens the i-th client, from 0. Clients are opened one after another.
	Client(ctx context.Context, i int) (Client, error)
	// Close ends the clients, and then the system.
	Close() error
}

// Client is what one goroutine at a time uses a system through.
type Client interface {
	// Write gives a key a value, which it must not keep, and returns when the
	// system has acknowledged it as it promises its users to.
	Write(ctx context.Context, key string, value []byte) error
	// Read returns how many bytes the value of a key has.
	Read(ctx context.Context, key string) (size int, err error)
}

// AsyncClient is a client that need not wait for a write.
type AsyncClient interface {
	Client
	// WriteAsync begins a write. It must not keep the value once it has returned.
	WriteAsync(ctx context.Context, key string, value []byte) (Pending, error)
}

// Pending is a write whose outcome is not known yet.
type Pending interface {
	// Wait returns the outcome when the system has acknowledged the write.
	Wait(ctx context.Context) error
}

// sized is a client whose values all have a size. It is what the clients of package load use.
type sized struct {
	Client
	size int
}

// read reads a value, and looks at its size.
func (c *sized) read(ctx context.Context, key string) error {
	size, err := c.Read(ctx, key)
	if err == nil && size != c.size {
		err = fmt.Errorf("point: %q has %d bytes and not %d", key, size, c.size)
	}
	return err
}

// Do carries out a request.
func (c *sized) Do(ctx context.Context, r *load.Request, a *load.Answer) {
	if r.Kind.IsRead() {
		a.Err = c.read(ctx, r.Key)
	} else {
		a.Err = c.Write(ctx, r.Key, r.Value)
	}
	if a.Status = history.OK; a.Err != nil {
		a.Status = history.Unknown
	}
}

// Session is none.
func (c *sized) Session(context.Context) (uint64, error) { return 0, nil }

// Close leaves the client open: the pool owns it.
func (c *sized) Close() error { return nil }
