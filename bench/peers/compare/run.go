package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/noise"
	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/bench/peers/systems"
)

const (
	// prepareTimeout bounds building and installing everything.
	prepareTimeout = 30 * time.Minute

	// startTimeout bounds the start of a system and its load before the first point.
	startTimeout = 5 * time.Minute

	// conditionClients load a system before it is measured.
	conditionClients = 64
)

// Config says how to measure.
type Config struct {
	Rounds    int
	Duration  time.Duration // of a point
	Warmup    time.Duration // before each
	Condition time.Duration // load on a system before its first point
	Watch     time.Duration // of the machine, before the first round
	Seed      uint64
	Only      *regexp.Regexp // names of the points; nil: all
	Aims      []Aim          // which may be about more systems
	Notices   io.Writer      // takes progress
	Proc      fs.FS          // the directory /proc
}

// Measurement is a point in a round.
type Measurement struct {
	Round  int          `json:"round"` // from 1
	Row    string       `json:"row"`
	System string       `json:"system"`
	Result point.Result `json:"result"`
	Use    noise.Use    `json:"use"`             // of the machine by others meanwhile
	Error  string       `json:"error,omitempty"` // the result does not count
	Unable bool         `json:"unable,omitempty"`
}

// Run measures all rounds. If the context ends it returns what there is, and the
// context's error. What fails is part of the report.
func Run(ctx context.Context, cfg Config, env systems.Env) (*Report, error) {
	began := time.Now()
	r := &run{cfg: cfg, env: env, unprepared: map[string]error{}}
	var err error
	if r.watch, err = newWatch(cfg.Proc, r.tell); err != nil {
		return nil, err
	}
	turns := cfg.plan()
	report := &Report{SetUp: newSetUp(cfg, env, began)}
	report.Systems = r.prepare(ctx, turns)
	err = r.rounds(ctx, turns)
	report.Noise, report.Measurements = r.watch.log.Summary(), r.done
	report.SetUp.Took, report.SetUp.Interrupted = time.Since(began), err != nil
	return report, err
}

// run is a comparison under way.
type run struct {
	cfg        Config
	env        systems.Env
	watch      *watch
	unprepared map[string]error // systems that could not be built or installed
	done       []Measurement
}

func (r *run) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(r.cfg.Notices, format+"\n", args...) // that nobody reads it stops nothing
}

// prepare builds and installs all systems, so that nothing of it is beside what is
// measured.
func (r *run) prepare(ctx context.Context, turns []turn) []SystemInfo {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	var infos []SystemInfo
	for _, t := range turns {
		info := newSystemInfo(t.spec)
		if t.spec.Prepare != nil {
			version, err := t.spec.Prepare(ctx, r.env)
			if err != nil {
				r.tell("%s cannot be prepared: %v", t.spec.Name, err)
				r.unprepared[t.spec.Name] = err
			}
			info.Version = version
		}
		infos = append(infos, info)
	}
	return infos
}

// rounds measures, round after round.
func (r *run) rounds(ctx context.Context, turns []turn) error {
	if err := r.watch.before(ctx, r.cfg.Watch); err != nil {
		return err
	}
	for round := 1; round <= r.cfg.Rounds; round++ {
		for _, t := range turns {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := r.turn(ctx, round, t); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// turn measures a system from its start to its end. The error is one of measuring
// the machine.
func (r *run) turn(ctx context.Context, round int, t turn) (err error) {
	r.tell("round %d: %s", round, t.spec.Name)
	debug.FreeOSMemory() // what the last system has left behind in this process
	r.watch.between()
	pool, failure := r.start(ctx, t)
	if pool != nil {
		defer func() {
			if err := errors.Join(pool.Close(), r.clear()); err != nil {
				r.tell("  ending %s: %v", t.spec.Name, err)
			}
		}()
	}
	for _, row := range t.rows {
		m := Measurement{Round: round, Row: row.Name, System: t.spec.Name}
		pointErr := failure
		if failure == nil {
			if m.Use, err = r.watch.beside(func() { m.Result, pointErr = pool.Run(ctx, r.work(row)) }); err != nil {
				return err
			}
			r.watch.log.Points = append(r.watch.log.Points, m.Use)
		}
		if ctx.Err() != nil {
			return nil // the caller sees it
		}
		m.note(pointErr)
		r.tell("  %s", m.text(row))
		r.done = append(r.done, m)
	}
	return nil
}

// clear removes the files of a system that has ended.
func (r *run) clear() error {
	if r.env.Dir == nil {
		return nil
	}
	return r.env.Dir.Clear()
}

// note keeps why there is no result.
func (m *Measurement) note(err error) {
	if err != nil {
		m.Error, m.Unable = err.Error(), errors.Is(err, errors.ErrUnsupported)
	}
}

// start starts a system, gives every key a value, and puts it under load for a
// while. There is a pool, to be closed, even if one of the latter two fails.
func (r *run) start(ctx context.Context, t turn) (*point.Pool, error) {
	if err := r.unprepared[t.spec.Name]; err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	system, err := t.spec.Start(ctx, r.env)
	if err != nil {
		return nil, errors.Join(err, r.clear())
	}
	pool := point.NewPool(system)
	return pool, r.condition(ctx, pool, t.rows[0], r.cfg.condition(t.spec))
}

// condition gives every key a value and puts a system under load for a while, which
// it needs to find its form: compilers that learn, buffers that grow.
func (r *run) condition(ctx context.Context, pool *point.Pool, first Row, duration time.Duration) error {
	if err := pool.Preload(ctx, point.Keys(first.Keys), first.Value); err != nil {
		return err
	}
	if duration == 0 {
		return nil
	}
	work := r.work(first)
	work.Kind, work.Clients, work.Rate, work.Watchers = point.Writes, conditionClients, 0, 0
	work.Warmup, work.Duration = 0, duration
	_, err := pool.Run(ctx, work)
	return err
}

// work is a row as a load.
func (r *run) work(row Row) point.Work {
	return point.Work{
		Kind: row.Kind, Clients: row.Client, Keys: point.Keys(row.Keys), ValueBytes: row.Value, Rate: row.Rate, Watchers: row.Watchers,
		Warmup: r.cfg.Warmup, Duration: r.cfg.Duration, Seed: r.cfg.Seed,
	}
}

// text describes a measurement in a line.
func (m *Measurement) text(row Row) string {
	if m.Error != "" {
		return fmt.Sprintf("%-8s %s", m.Row, m.Error)
	}
	s := fmt.Sprintf("%-8s %s", m.Row, show(Rate, m.Result.PerSecond)+"/s")
	if m.Result.Count > 0 {
		s += fmt.Sprintf(", p50 %s, p99 %s", show(P50, m.Result.P50.Seconds()), show(P99, m.Result.P99.Seconds()))
	}
	if row.Rate > 0 {
		s += fmt.Sprintf("; of %s/s, handed out up to %s late (p99)", show(Rate, row.Rate), show(P99, m.Result.Late.Seconds()))
	}
	if m.Result.GivenUp > 0 {
		s += fmt.Sprintf(", %s given up", grouped(float64(m.Result.GivenUp)))
	}
	if row.Kind == point.ReadsBeside {
		s += fmt.Sprintf("; beside %s writes/s", show(Rate, m.Result.BesidePerSecond))
	}
	if row.Kind == point.FanOut {
		s += fmt.Sprintf("; %s events/s", show(Events, Events.of(m.Result, &row)))
	}
	if m.Use.Noisy() {
		s += fmt.Sprintf("; DISTURBED: %v", m.Use)
	}
	return s
}
