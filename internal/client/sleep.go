package client

import (
	"context"
	"time"
)

// Sleep waits for d. If ctx ends before, it returns the context's error.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
