package join

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/driver"
)

// Config says how a node joins a group under load. Its fields have the names
// of the flags of dsmbench join.
type Config struct {
	Nodes      int           // members before the join
	Size       int           // bytes of all values together
	ValueBytes int           // of one
	Clients    int           // that write all the time, a session each
	Baseline   time.Duration // of the load before the join
	After      time.Duration // of the load after it
	Seed       uint64        // of the variables that are written
}

// Defaults is a join of 1 GiB to a group of three.
func Defaults() Config {
	return Config{
		Nodes: 3, Size: 1 << 30, ValueBytes: 4 << 10, Clients: 16,
		Baseline: 10 * time.Second, After: 5 * time.Second, Seed: 1,
	}
}

// Bounds of a JoinConfig.
const (
	maxJoinSize     = 64 << 30
	joinTimeout     = cluster.StartTimeout + 10*time.Second
	loadersPerNode  = 64 // that preload
	collectInterval = 2 * time.Second
	sampleInterval  = 100 * time.Millisecond
)

// Validate reports the first field that makes no sense, by the name of its
// flag. The error wraps ErrConfig.
func (c *Config) Validate() error {
	switch {
	case c.Nodes < 1 || c.Nodes >= cluster.MaxNodes:
		return fmt.Errorf("%w: --nodes %d: must be from 1 to %d", program.ErrConfig, c.Nodes, cluster.MaxNodes-1)
	case c.ValueBytes < load.MinValueBytes || c.ValueBytes > load.MaxValueBytes:
		return fmt.Errorf("%w: --value-size %d: must be from %d to %d", program.ErrConfig, c.ValueBytes, load.MinValueBytes, load.MaxValueBytes)
	case c.Size < c.ValueBytes || c.Size > maxJoinSize:
		return fmt.Errorf("%w: --size %d: must be from --value-size to %d", program.ErrConfig, c.Size, maxJoinSize)
	case c.Clients < 1 || c.Clients > load.MaxClients:
		return fmt.Errorf("%w: --clients %d: must be from 1 to %d", program.ErrConfig, c.Clients, load.MaxClients)
	case c.Baseline < program.LeastPhase || c.Baseline > program.LongestPhase || c.After < program.LeastPhase || c.After > program.LongestPhase:
		return fmt.Errorf("%w: --baseline %v, --after %v: must be from %v to %v", program.ErrConfig, c.Baseline, c.After, program.LeastPhase, program.LongestPhase)
	}
	return nil
}

// keys is how many variables there are.
func (c *Config) keys() int { return c.Size / c.ValueBytes }

// Run starts a group of processes, fills it, has clients write without pause,
// and then has another node join. It reports what that cost the clients and the
// memory of the members. An error means that there is nothing to report.
func Run(ctx context.Context, cfg Config, env program.Env) (report *Report, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	j := &join{cfg: cfg, env: env.OrNowhere()}
	j.group = cluster.NewProcesses(j.env, cfg.Nodes)
	defer func() {
		for _, h := range j.heaps {
			_ = h.conn.Close() // its node may be gone
		}
		err = errors.Join(err, j.handles.Close(), j.group.Stop())
	}()
	if err := j.prepare(ctx); err != nil {
		return nil, err
	}
	return j.measure(ctx)
}

// join is such a run.
type join struct {
	cfg     Config
	env     program.Env
	group   *cluster.Processes
	handles load.Handles
	keys    *load.Keyspace
	writes  tally
	heaps   []*heapWatch // of the members
}

// prepare starts the group and fills it.
func (j *join) prepare(ctx context.Context) (err error) {
	setUp, cancel := context.WithTimeout(ctx, cluster.SetUpTimeout)
	defer cancel()
	if err := j.group.Start(setUp, cluster.Settings(cluster.Safe)); err != nil {
		return err
	}
	if j.handles, err = load.OpenNodeHandles(j.group.Addrs, 1); err != nil {
		return err
	}
	for i, addr := range j.group.Addrs {
		h, err := watchHeap(setUp, cluster.NodeName(i), addr)
		if err != nil {
			return err
		}
		j.heaps = append(j.heaps, h)
	}
	w := load.Workload{Writes: 1, Keys: j.cfg.keys(), ValueBytes: j.cfg.ValueBytes, Seed: j.cfg.Seed}
	j.keys = load.NewKeyspace(&w, "join/")
	j.env.Notice("loading %s of %d bytes", report.Count(j.cfg.keys(), "variable"), j.cfg.ValueBytes)
	return j.preload(ctx)
}

// preload writes every variable once.
func (j *join) preload(ctx context.Context) error {
	value := load.NewPadding(j.cfg.Seed, j.cfg.ValueBytes)
	_, err := j.handles.ForEach(ctx, j.cfg.keys(), loadersPerNode*j.cfg.Nodes, func(ctx context.Context, db *driver.DB, i int) error {
		if _, err := db.Set(ctx, j.keys.Plain[i], value[i%load.PaddingSlack:][:j.cfg.ValueBytes]); err != nil {
			return fmt.Errorf("bench: preloading: %w", err)
		}
		return nil
	})
	return err
}

// measure loads the group, before, during and after the join.
func (j *join) measure(ctx context.Context) (*Report, error) {
	for i := range j.heaps {
		if err := j.group.Member(i).Collect(); err != nil {
			return nil, fmt.Errorf("bench: %s: %w", cluster.NodeName(i), err)
		}
		if err := j.heaps[i].rest(ctx); err != nil {
			return nil, err
		}
	}
	j.writes.clock = load.NewClock()
	stop, err := load.Start(ctx, j.cfg.Clients, j.writes.clock, j.handles, j.keys, &j.writes)
	if err != nil {
		return nil, err
	}
	defer stop()
	watching, stopWatching := context.WithCancel(ctx)
	var watches sync.WaitGroup
	defer watches.Wait()
	defer stopWatching()
	for i, h := range j.heaps {
		watches.Go(func() { h.watch(watching) })
		if i == len(j.heaps)-1 { // the junior member: joiners ask it first
			donor := j.group.Member(i)
			watches.Go(func() { j.collectEvery(watching, donor) })
		}
	}
	return j.phases(ctx)
}

// collectEvery has a process collect its garbage over and over, all through the
// load: what is live is known only as of a collection, and a large heap sees few.
func (j *join) collectEvery(ctx context.Context, p *cluster.Process) {
	for program.Pause(ctx, collectInterval) {
		if err := p.Collect(); err != nil {
			j.env.Notice("%s does not collect its garbage: %v", p.Name, err)
			return
		}
	}
}

// phases lets the load run, has the node join, and sums up.
func (j *join) phases(ctx context.Context) (*Report, error) {
	j.env.Notice("%v of writes before the join", j.cfg.Baseline)
	warmup := min(2*time.Second, j.cfg.Baseline)
	if !program.Pause(ctx, warmup+j.cfg.Baseline) {
		return nil, program.ErrInterrupted
	}
	r := &Report{Config: j.cfg}
	starts := j.writes.since()
	name := cluster.NodeName(j.cfg.Nodes)
	j.env.Notice("%s joins", name)
	limited, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	addr, joinErr := j.group.StartNode(limited, name)
	joined := j.writes.since()
	if joinErr == nil && !program.Pause(ctx, j.cfg.After) || ctx.Err() != nil {
		return nil, program.ErrInterrupted
	}
	r.rates(j.writes.buckets(j.writes.since()), warmup, starts, joined)
	r.Joined, r.JoinSeconds = joinErr == nil, (joined - starts).Seconds()
	if joinErr == nil {
		status, err := cluster.StatusAt(ctx, addr)
		if err != nil {
			return nil, err
		}
		r.Transfers = status.Transfers
	} else {
		r.fail("%s did not become a member: %v", name, joinErr)
	}
	for _, h := range j.heaps {
		r.heap(h)
	}
	for _, name := range j.group.Ended() {
		r.fail("process %s ended", name)
	}
	if n := j.writes.failed.Load(); n > 0 {
		r.fail("%s not acknowledged, the last: %v", report.Count(int(n), "write"), *j.writes.problem.Load())
	}
	r.judge()
	return r, nil
}
