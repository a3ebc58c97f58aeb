package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/load"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

const (
	// startTimeout bounds the start of a system, and of what builds or installs it.
	startTimeout = 10 * time.Minute

	// conditionClients load a system before it is measured.
	conditionClients = 64
)

// Config says how to measure.
type Config struct {
	Rounds    int
	Duration  time.Duration // of a point
	Warmup    time.Duration // before each
	Condition time.Duration // load on a system before its first point
	Seed      uint64
	Only      *regexp.Regexp // names of the points
	Notices   io.Writer      // takes progress
}

// Measurement is a point in a round.
type Measurement struct {
	Round  int         `json:"round"` // from 1
	Row    string      `json:"row"`
	System string      `json:"system"`
	Rate   float64     `json:"open_loop_rate,omitempty"`
	Result load.Result `json:"result"`
	Error  string      `json:"error,omitempty"` // the result does not count
	Unable bool        `json:"unable,omitempty"`
}

// Run measures all rounds. If the context ends it returns what there is, and the
// context's error. What fails is part of the measurements.
func Run(ctx context.Context, cfg Config, env systems.Env) ([]Measurement, error) {
	r := &run{cfg: cfg, env: env}
	turns := plan(Rows(), systems.All(), cfg.Only)
	for round := 1; round <= cfg.Rounds; round++ {
		for _, t := range turns {
			r.turn(ctx, round, t)
			if err := ctx.Err(); err != nil {
				return r.done, err
			}
		}
	}
	return r.done, nil
}

// run is a comparison under way.
type run struct {
	cfg  Config
	env  systems.Env
	done []Measurement
}

func (r *run) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(r.cfg.Notices, format+"\n", args...) // that nobody reads it stops nothing
}

// turn measures a system from its start to its end.
func (r *run) turn(ctx context.Context, round int, t turn) {
	r.tell("round %d: %s", round, t.spec.Name)
	debug.FreeOSMemory() // what the last system has left behind in this process
	pool, err := r.start(ctx, t.spec)
	if err == nil {
		defer func() {
			if err := pool.Close(); err != nil {
				r.tell("  ending %s: %v", t.spec.Name, err)
			}
		}()
		err = r.condition(ctx, pool, t.rows[0], r.cfg.Condition*time.Duration(max(1, t.spec.Condition)))
	}
	greatest := 0.0
	for _, row := range t.rows {
		m := Measurement{Round: round, Row: row.Name, System: t.spec.Name}
		if row.Half {
			m.Rate = greatest / 2
		}
		if err == nil {
			var pointErr error
			m.Result, pointErr = pool.Run(ctx, r.work(row, m.Rate))
			m.note(pointErr)
		} else {
			m.note(err)
		}
		if ctx.Err() != nil {
			return
		}
		if row.Kind == load.Writes && !row.Half {
			greatest = max(greatest, m.Result.PerSecond)
		}
		r.tell("  %s", m.text(row))
		r.done = append(r.done, m)
	}
}

// note keeps why there is no result.
func (m *Measurement) note(err error) {
	if err != nil {
		m.Error, m.Unable = err.Error(), errors.Is(err, errors.ErrUnsupported)
	}
}

// start starts a system and gives every key a value.
func (r *run) start(ctx context.Context, spec systems.Spec) (*load.Pool, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	system, err := spec.Start(ctx, r.env)
	if err != nil {
		return nil, err
	}
	return load.NewPool(system), nil
}

// condition gives every key a value and puts a system under load for a while, which
// it needs to find its form: compilers that learn, buffers that grow.
func (r *run) condition(ctx context.Context, pool *load.Pool, first Row, duration time.Duration) error {
	if err := pool.Preload(ctx, load.Keys(first.Keys), first.Value); err != nil {
		return err
	}
	if duration == 0 {
		return nil
	}
	work := r.work(first, 0)
	work.Kind, work.Clients = load.Writes, conditionClients
	work.Warmup, work.Duration = 0, duration
	_, err := pool.Run(ctx, work)
	return err
}

// work is a row as a load.
func (r *run) work(row Row, rate float64) load.Work {
	return load.Work{
		Kind: row.Kind, Clients: row.Client, Keys: load.Keys(row.Keys), ValueBytes: row.Value, Rate: rate,
		Warmup: r.cfg.Warmup, Duration: r.cfg.Duration, Seed: r.cfg.Seed,
	}
}

// text tells a measurement in a line.
func (m *Measurement) text(row Row) string {
	if m.Error != "" {
		return fmt.Sprintf("%-8s %s", m.Row, m.Error)
	}
	s := fmt.Sprintf("%-8s %s", m.Row, show(Rate, m.Result.PerSecond)+"/s")
	if m.Result.Count > 0 {
		s += fmt.Sprintf(", p50 %s, p99 %s", show(P50, m.Result.P50.Seconds()), show(P99, m.Result.P99.Seconds()))
	}
	if row.Half {
		s += fmt.Sprintf("; at %s/s, handed out up to %s late (p99)", show(Rate, m.Rate), show(P99, m.Result.Late.Seconds()))
	}
	if row.Kind == load.ReadsBeside {
		s += fmt.Sprintf("; beside %s writes/s", show(Rate, m.Result.BesidePerSecond))
	}
	return s
}
