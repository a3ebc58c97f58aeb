package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
)

// reachPause is how long a command that waits for a server pauses between tries.
const reachPause = 100 * time.Millisecond

// reach calls try, with --wait again and again until it succeeds or the context ends,
// and adds to its error what the user can do about it.
func reach[T any](ctx context.Context, t *target, name string, try func() (T, error)) (T, error) {
	for {
		got, err := try()
		var wrong *client.WrongServerError
		switch {
		case err == nil:
			return got, nil
		case errors.As(err, &wrong):
			return got, fmt.Errorf("%w; nothing was done", err)
		case t.wait && ctx.Err() == nil:
			select {
			case <-time.After(reachPause):
				continue
			case <-ctx.Done():
			}
		}
		return got, fmt.Errorf("%w at %s: check that one runs there, or name others with --dsn: %w", errUnreachable, name, err)
	}
}
