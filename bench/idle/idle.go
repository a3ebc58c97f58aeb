package idle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/internal/console"
)

// What a node that nobody uses may cost.
const (
	mostIdleCPU      = 0.01     // of a core
	mostIdleResident = 40 << 20 // bytes
)

// Config says how an idle group is watched. Its fields have the names of the flags
// of dsmbench idle.
type Config struct {
	Nodes    int
	Settle   time.Duration // after the start, before the watch begins
	Duration time.Duration // of the watch
}

// Defaults watches a group of three for half a minute.
func Defaults() Config {
	return Config{Nodes: 3, Settle: 5 * time.Second, Duration: 30 * time.Second}
}

// Validate reports the first field that makes no sense, by the name of its flag. The
// error wraps ErrConfig.
func (c *Config) Validate() error {
	if err := program.CheckInt("nodes", c.Nodes, 1, cluster.MaxNodes); err != nil {
		return err
	}
	if c.Settle < 0 || c.Settle > program.LongestPhase || c.Duration < program.LeastPhase || c.Duration > program.LongestPhase {
		return fmt.Errorf("%w: --settle %v, --duration %v: must be at most %v, the latter at least %v",
			program.ErrConfig, c.Settle, c.Duration, program.LongestPhase, program.LeastPhase)
	}
	return nil
}

// Report is what processes cost that do nothing.
type Report struct {
	Config    Config
	Processes []Process
	Failures  []string // none: all is within the bounds
}

// Process is a node.
type Process struct {
	Name     string
	CPU      float64 // of a core
	Waits    float64 // wake-ups a second
	Allocs   float64 // bytes a second
	Resident uint64  // bytes, at the end
	LiveHeap uint64
}

// Run starts a group of processes without any client, and watches what they use. An
// error means that there is nothing to report.
func Run(ctx context.Context, cfg Config, env program.Env) (report *Report, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env = env.OrNowhere()
	p := cluster.NewProcesses(env, cfg.Nodes)
	defer func() { err = errors.Join(err, p.Stop()) }()
	setUp, cancel := context.WithTimeout(ctx, cluster.SetUpTimeout)
	defer cancel()
	if err := p.Start(setUp, cluster.Settings(cluster.Safe)); err != nil {
		return nil, err
	}
	env.Notice("%v to settle, then %v of nothing", cfg.Settle, cfg.Duration)
	if !program.Pause(ctx, cfg.Settle) {
		return nil, program.ErrInterrupted
	}
	before, err := p.Usages(false)
	if err != nil {
		return nil, err
	}
	if !program.Pause(ctx, cfg.Duration) {
		return nil, program.ErrInterrupted
	}
	after, err := p.Usages(false)
	if err != nil {
		return nil, err
	}
	r := &Report{Config: cfg}
	for i, name := range p.ProcessNames() {
		r.add(name, after[i].Since(before[i]))
	}
	return r, nil
}

// add judges a node by what it used.
func (r *Report) add(name string, u cluster.Usage) {
	seconds := u.At.Seconds()
	p := Process{
		Name: name, CPU: u.CPU.Seconds() / seconds, Waits: float64(u.Waits) / seconds,
		Allocs: float64(u.AllocBytes) / seconds, Resident: u.Resident, LiveHeap: u.LiveHeap,
	}
	r.Processes = append(r.Processes, p)
	if p.CPU > mostIdleCPU {
		r.Failures = append(r.Failures, fmt.Sprintf("%s uses %.2f%% of a core, more than %.0f%%", name, 100*p.CPU, 100*mostIdleCPU))
	}
	if p.Resident > mostIdleResident {
		r.Failures = append(r.Failures, fmt.Sprintf("%s has %s in memory, more than %s", name, report.Mebibytes(p.Resident), report.Mebibytes(mostIdleResident)))
	}
}

// Pass reports whether all nodes were within the bounds.
func (r *Report) Pass() bool { return len(r.Failures) == 0 }

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	p := report.NewSink(w)
	p.Printf("%s and a registry, each a process, without clients; %v after %v\n", report.Count(r.Config.Nodes, "node"), r.Config.Duration, r.Config.Settle)
	g := console.Table{Columns: report.Columns("process", "CPU", "wake-ups/s", "allocated/s", "resident", "live heap")}
	for _, x := range r.Processes {
		g.Rows = append(g.Rows, []string{
			x.Name, fmt.Sprintf("%.2f%%", 100*x.CPU), fmt.Sprintf("%.0f", x.Waits),
			report.Mebibytes(uint64(x.Allocs)), report.Mebibytes(x.Resident), report.Mebibytes(x.LiveHeap),
		})
	}
	p.Table(g)
	p.Verdict(r.Failures)
	return p.Err
}
