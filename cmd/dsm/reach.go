package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// reachPause is how long a command that waits for a server pauses between tries.
const reachPause = 100 * time.Millisecond

// again calls try, with --wait again and again until it succeeds, the context ends, or
// it is certain that more tries are of no use: something else than a server listens at
// an address, or a server does not know lists, or the listing or session that is asked for.
func again[T any](ctx context.Context, t *target, try func() (T, error)) (T, error) {
	for {
		got, err := try()
		if err == nil || !t.wait || ctx.Err() != nil || hopeless(err) {
			return got, err
		}
		select {
		case <-time.After(reachPause):
		case <-ctx.Done():
			return got, err
		}
	}
}

// hopeless reports whether a command that waits for a server need not try again.
func hopeless(err error) bool {
	var wrong *client.WrongServerError
	var refused *client.StatusError
	return errors.As(err, &wrong) || errors.Is(err, client.ErrNoList) || errors.Is(err, client.ErrNoSessions) ||
		errors.As(err, &refused) && refused.Status == wire.StatusNotFound
}

// reach is again, and adds to an error what the user can do about it.
func reach[T any](ctx context.Context, t *target, name string, try func() (T, error)) (T, error) {
	got, err := again(ctx, t, try)
	var wrong *client.WrongServerError
	switch {
	case err == nil:
		return got, nil
	case errors.As(err, &wrong):
		return got, fmt.Errorf("%w; nothing was done", err)
	}
	return got, fmt.Errorf("%w at %s: check that one runs there, or name others with --dsn: %w", errUnreachable, name, err)
}
