package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

const (
	// tidyTimeout bounds how long variables are deleted after a run.
	tidyTimeout = 30 * time.Second

	// tidyAtATime is how many are deleted at once, over all handles.
	tidyAtATime = 256
)

// guest is a system that goes on after the run, and may not be littered.
type guest interface {
	// tidy deletes variables, and returns how many of them may be left.
	tidy(ctx context.Context, keys []string) (left int, err error)
}

// tidy deletes the variables of a run from a group that goes on. The checks are
// through by then, and their verdict stands whatever happens here: what cannot
// be deleted is told.
func (r *run) tidy(ctx context.Context, sys system, keys *keyspace, rep *Report) {
	g, ok := sys.(guest)
	if !ok {
		return
	}
	all := slices.Concat(keys.plain, keys.counters)
	left, why := len(all), "as asked for"
	switch {
	case r.cfg.Keep:
	case ctx.Err() != nil:
		why = "the run was interrupted"
	default:
		r.env.notice("deleting %s", count(len(all), "variable"))
		var err error
		if left, err = g.tidy(ctx, all); err == nil {
			return
		}
		why = err.Error()
	}
	rep.Notes = append(rep.Notes, fmt.Sprintf("up to %s stay in the group, whose names begin with %s: %s",
		count(left, "variable"), keys.prefix, why))
}

// delete deletes variables, many at a time, as clients do. It stops at the
// first error. A variable that is not there is none.
func (h handles) delete(ctx context.Context, keys []string) (left int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, tidyTimeout, fmt.Errorf("deleting took longer than %v", tidyTimeout))
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var next, deleted atomic.Int64
	var group sync.WaitGroup
	for i := range min(tidyAtATime, len(keys)) {
		db := h[i%len(h)]
		group.Go(func() {
			for n := next.Add(1); n <= int64(len(keys)) && ctx.Err() == nil; n = next.Add(1) {
				if _, err := db.Delete(ctx, keys[n-1]); err != nil && !errors.Is(err, driver.ErrNotFound) {
					fail(fmt.Errorf("deleting %q: %w", keys[n-1], err))
					return
				}
				deleted.Add(1)
			}
		})
	}
	group.Wait()
	if left = len(keys) - int(deleted.Load()); left > 0 {
		err = context.Cause(ctx)
	}
	return left, err
}
