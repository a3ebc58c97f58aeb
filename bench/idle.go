package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// What a node that nobody uses may cost.
const (
	mostIdleCPU      = 0.01     // of a core
	mostIdleResident = 40 << 20 // bytes
)

// IdleConfig says how an idle group is watched. Its fields have the names of the flags
// of dsmbench idle.
type IdleConfig struct {
	Nodes    int
	Settle   time.Duration // after the start, before the watch begins
	Duration time.Duration // of the watch
}

// IdleDefaults watches a group of three for half a minute.
func IdleDefaults() IdleConfig {
	return IdleConfig{Nodes: 3, Settle: 5 * time.Second, Duration: 30 * time.Second}
}

// Validate reports the first field that makes no sense, by the name of its flag. The
// error wraps ErrConfig.
func (c *IdleConfig) Validate() error {
	if err := (&intFlag{"nodes", c.Nodes, 1, maxNodes}).validate(); err != nil {
		return err
	}
	if c.Settle < 0 || c.Settle > longestPhase || c.Duration < leastPhase || c.Duration > longestPhase {
		return fmt.Errorf("%w: --settle %v, --duration %v: must be at most %v, the latter at least %v",
			ErrConfig, c.Settle, c.Duration, longestPhase, leastPhase)
	}
	return nil
}

// IdleReport is what processes cost that do nothing.
type IdleReport struct {
	Config    IdleConfig
	Processes []IdleProcess
	Failures  []string // none: all is within the bounds
}

// IdleProcess is a node.
type IdleProcess struct {
	Name     string
	CPU      float64 // of a core
	Waits    float64 // wake-ups a second
	Allocs   float64 // bytes a second
	Resident uint64  // bytes, at the end
	LiveHeap uint64
}

// Idle starts a group of processes without any client, and watches what they use. An
// error means that there is nothing to report.
func Idle(ctx context.Context, cfg IdleConfig, env Env) (report *IdleReport, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env = env.orNowhere()
	p := &processes{losses: newLosses(), nodes: cfg.Nodes}
	defer func() { err = errors.Join(err, p.Stop()) }()
	setUp, cancel := context.WithTimeout(ctx, setUpTimeout)
	defer cancel()
	if _, _, err := p.startMembers(setUp, env, Safe, cfg.Nodes); err != nil {
		return nil, err
	}
	env.notice("%v to settle, then %v of nothing", cfg.Settle, cfg.Duration)
	if !pause(ctx, cfg.Settle) {
		return nil, ErrInterrupted
	}
	before, err := p.usages(false)
	if err != nil {
		return nil, err
	}
	if !pause(ctx, cfg.Duration) {
		return nil, ErrInterrupted
	}
	after, err := p.usages(false)
	if err != nil {
		return nil, err
	}
	r := &IdleReport{Config: cfg}
	for i, name := range p.processNames() {
		r.add(name, after[i].since(before[i]))
	}
	return r, nil
}

// add judges a node by what it used.
func (r *IdleReport) add(name string, u usage) {
	seconds := u.At.Seconds()
	p := IdleProcess{
		Name: name, CPU: u.CPU.Seconds() / seconds, Waits: float64(u.Waits) / seconds,
		Allocs: float64(u.AllocBytes) / seconds, Resident: u.Resident, LiveHeap: u.LiveHeap,
	}
	r.Processes = append(r.Processes, p)
	if p.CPU > mostIdleCPU {
		r.Failures = append(r.Failures, fmt.Sprintf("%s uses %.2f%% of a core, more than %.0f%%", name, 100*p.CPU, 100*mostIdleCPU))
	}
	if p.Resident > mostIdleResident {
		r.Failures = append(r.Failures, fmt.Sprintf("%s has %s in memory, more than %s", name, mebibytes(p.Resident), mebibytes(mostIdleResident)))
	}
}

// Pass reports whether all nodes were within the bounds.
func (r *IdleReport) Pass() bool { return len(r.Failures) == 0 }

// WriteText writes the report for people.
func (r *IdleReport) WriteText(w io.Writer) error {
	p := newSink(w)
	p.printf("%s and a registry, each a process, without clients; %v after %v\n", count(r.Config.Nodes, "node"), r.Config.Duration, r.Config.Settle)
	g := grid{header: []string{"process", "CPU", "wake-ups/s", "allocated/s", "resident", "live heap"}, align: alignRight(6, 1)}
	for _, x := range r.Processes {
		g.rows = append(g.rows, []string{
			x.Name, fmt.Sprintf("%.2f%%", 100*x.CPU), fmt.Sprintf("%.0f", x.Waits),
			mebibytes(uint64(x.Allocs)), mebibytes(x.Resident), mebibytes(x.LiveHeap),
		})
	}
	p.table(g)
	p.verdict(r.Failures)
	return p.err
}
