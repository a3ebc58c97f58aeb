package bench

import (
	"context"
	"fmt"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/report"
)

// guest is a system that goes on after the run, and may not be littered.
type guest interface {
	// tidy deletes variables, and returns how many of them may be left.
	tidy(ctx context.Context, keys []string) (left int, err error)
}

// tidy deletes the variables of a run from a group that goes on. The checks are
// through by then, and their verdict stands whatever happens here: what cannot
// be deleted is told.
func (r *run) tidy(ctx context.Context, sys system, keys *load.Keyspace, rep *report.Report) {
	g, ok := sys.(guest)
	if !ok {
		return
	}
	all := keys.All()
	left, why := len(all), "as asked for"
	switch {
	case r.cfg.Keep:
	case ctx.Err() != nil:
		why = "the run was interrupted"
	default:
		r.env.Notice("deleting %s", report.Count(len(all), "variable"))
		var err error
		if left, err = g.tidy(ctx, all); err == nil {
			return
		}
		why = err.Error()
	}
	rep.Notes = append(rep.Notes, fmt.Sprintf("up to %s stay in the group, whose names begin with %s: %s",
		report.Count(left, "variable"), keys.Prefix, why))
}
