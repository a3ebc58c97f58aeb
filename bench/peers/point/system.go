package point

import (
	"context"
	"errors"
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

// ErrChanged says that a variable has changed since it was read, and that nothing was
// written for that.
var ErrChanged = errors.New("point: a variable has changed")

// TxnClient is a client that writes two variables in one transaction.
type TxnClient interface {
	Client
	// ReadTwo reads two variables as the system has them be read before such a transaction.
	ReadTwo(ctx context.Context, keys [2]string) (seen [2]Seen, err error)
	// SwapTwo gives both variables values, which it must not keep, if neither has changed since
	// it was seen, and returns as Write does. If one has, it returns ErrChanged.
	SwapTwo(ctx context.Context, keys [2]string, seen [2]Seen, values [2][]byte) error
}

// Seen is what a variable had when it was read.
type Seen struct {
	Value   []byte
	Version uint64 // 0: the system has no versions
}

// Watchable is a system whose variables can be watched.
type Watchable interface {
	System
	// Watchers opens n watchers of all keys that begin with a prefix. Each is sent every write
	// that begins after Watchers has returned.
	Watchers(ctx context.Context, n int, prefix string) (Watchers, error)
}

// Watchers are watchers of one prefix.
type Watchers interface {
	// Run passes what the i-th watcher, from 0, is sent to see, in the order in which it is
	// sent. It returns the first error of see, or why there is no more: the context, for one.
	Run(ctx context.Context, i int, see See) error
	// Close ends what Watchers has opened.
	Close() error
}

// See takes a write that a watcher is sent. The version is 0 if the system has none. See keeps
// neither key nor value.
type See func(key string, value []byte, version uint64) error

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
