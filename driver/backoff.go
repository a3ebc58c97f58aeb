package driver

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstBackoff = 5 * time.Millisecond
	lastBackoff  = time.Second
)

// backoff returns how long to wait after the nth failure in a row, from 1: about
// twice as long each time, up to a bound, and never the same for all clients, so
// that they do not come back all at once.
func backoff(n int) time.Duration {
	d := min(firstBackoff<<min(max(n-1, 0), 20), lastBackoff)
	return d/2 + rand.N(d)
}

// sleep waits for d, or until the context ends, whose error it then returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
