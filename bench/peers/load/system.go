package load

import "context"

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
