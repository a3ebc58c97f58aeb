package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

// JoinConfig says how a node joins a group under load. Its fields have the names
// of the flags of dsmbench join.
type JoinConfig struct {
	Nodes      int           // members before the join
	Size       int           // bytes of all values together
	ValueBytes int           // of one
	Clients    int           // that write all the time, a session each
	Baseline   time.Duration // of the load before the join
	After      time.Duration // of the load after it
	Seed       uint64        // of the variables that are written
}

// JoinDefaults is a join of 1 GiB to a group of three.
func JoinDefaults() JoinConfig {
	return JoinConfig{
		Nodes: 3, Size: 1 << 30, ValueBytes: 4 << 10, Clients: 16,
		Baseline: 10 * time.Second, After: 5 * time.Second, Seed: 1,
	}
}

// Bounds of a JoinConfig.
const (
	maxJoinSize     = 64 << 30
	leastPhase      = 100 * time.Millisecond
	longestPhase    = time.Hour
	joinTimeout     = childStartTimeout + 10*time.Second
	loadersPerNode  = 64 // that preload
	collectInterval = 2 * time.Second
	sampleInterval  = 100 * time.Millisecond
)

// Validate reports the first field that makes no sense, by the name of its
// flag. The error wraps ErrConfig.
func (c *JoinConfig) Validate() error {
	switch {
	case c.Nodes < 1 || c.Nodes >= maxNodes:
		return fmt.Errorf("%w: --nodes %d: must be from 1 to %d", ErrConfig, c.Nodes, maxNodes-1)
	case c.ValueBytes < minValueBytes || c.ValueBytes > maxValueBytes:
		return fmt.Errorf("%w: --value-size %d: must be from %d to %d", ErrConfig, c.ValueBytes, minValueBytes, maxValueBytes)
	case c.Size < c.ValueBytes || c.Size > maxJoinSize:
		return fmt.Errorf("%w: --size %d: must be from --value-size to %d", ErrConfig, c.Size, maxJoinSize)
	case c.Clients < 1 || c.Clients > maxClients:
		return fmt.Errorf("%w: --clients %d: must be from 1 to %d", ErrConfig, c.Clients, maxClients)
	case c.Baseline < leastPhase || c.Baseline > longestPhase || c.After < leastPhase || c.After > longestPhase:
		return fmt.Errorf("%w: --baseline %v, --after %v: must be from %v to %v", ErrConfig, c.Baseline, c.After, leastPhase, longestPhase)
	}
	return nil
}

// keys is how many variables there are.
func (c *JoinConfig) keys() int { return c.Size / c.ValueBytes }

// Join starts a group of processes, fills it, has clients write without pause,
// and then has another node join. It reports what that cost the clients and the
// memory of the members. An error means that there is nothing to report.
func Join(ctx context.Context, cfg JoinConfig, env Env) (report *JoinReport, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	j := &join{cfg: cfg, env: env.orNowhere(), group: &processes{losses: newLosses(), nodes: cfg.Nodes}}
	defer func() {
		for _, h := range j.heaps {
			_ = h.conn.Close() // its node may be gone
		}
		err = errors.Join(err, j.group.Stop())
	}()
	if err := j.prepare(ctx); err != nil {
		return nil, err
	}
	return j.measure(ctx)
}

// join is such a run.
type join struct {
	cfg      JoinConfig
	env      Env
	group    *processes
	registry string   // its address
	addrs    []string // of the nodes

	begin   time.Time // of the load
	writes  tally
	failed  atomic.Int64 // writes that were not acknowledged
	problem atomic.Pointer[error]
	heaps   []*heapWatch // of the members
}

// prepare starts the group and fills it.
func (j *join) prepare(ctx context.Context) (err error) {
	setUp, cancel := context.WithTimeout(ctx, setUpTimeout)
	defer cancel()
	j.registry, j.addrs, err = j.group.startMembers(setUp, j.env, Safe, j.cfg.Nodes)
	if err != nil {
		return err
	}
	if j.group.handles, err = openNodeHandles(j.addrs, 1); err != nil {
		return err
	}
	for i, addr := range j.addrs {
		h, err := watchHeap(setUp, nodeName(i), addr)
		if err != nil {
			return err
		}
		j.heaps = append(j.heaps, h)
	}
	j.env.notice("loading %s of %d bytes", count(j.cfg.keys(), "variable"), j.cfg.ValueBytes)
	return j.preload(ctx)
}

func joinKey(i int) string { return "join/" + strconv.Itoa(i) }

// preload writes every variable once.
func (j *join) preload(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	padding := newPadding(j.cfg.Seed, j.cfg.ValueBytes)
	var next atomic.Int64
	var loaders sync.WaitGroup
	for i := range loadersPerNode * len(j.addrs) {
		loaders.Go(func() {
			db := j.group.handles[i%len(j.addrs)]
			for {
				key := int(next.Add(1)) - 1
				if key >= j.cfg.keys() || ctx.Err() != nil {
					return
				}
				value := padding[key%paddingSlack:][:j.cfg.ValueBytes]
				if _, err := db.Set(ctx, joinKey(key), value); err != nil {
					cancel(fmt.Errorf("bench: preloading: %w", err))
				}
			}
		})
	}
	loaders.Wait()
	return context.Cause(ctx)
}

// measure loads the group, before, during and after the join.
func (j *join) measure(ctx context.Context) (*JoinReport, error) {
	for i := range j.heaps {
		if err := j.group.member(i).collect(); err != nil {
			return nil, fmt.Errorf("bench: %s: %w", nodeName(i), err)
		}
		if err := j.heaps[i].rest(ctx); err != nil {
			return nil, err
		}
	}
	load, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	j.begin = time.Now()
	j.writes.begin = j.begin
	for i := range j.cfg.Clients {
		conn, err := j.group.handles[i%len(j.addrs)].Conn(ctx)
		if err != nil {
			return nil, fmt.Errorf("bench: opening sessions: %w", err)
		}
		running.Go(func() { j.write(load, conn, i) })
	}
	for i, h := range j.heaps {
		running.Go(func() { h.watch(load) })
		if i == len(j.heaps)-1 { // the junior member: joiners ask it first
			donor := j.group.member(i)
			running.Go(func() { j.collectEvery(load, donor) })
		}
	}
	return j.phases(ctx)
}

// write is a client: a closed loop of writes.
func (j *join) write(ctx context.Context, conn *driver.Conn, client int) {
	defer func() { _ = conn.Close() }() // a session that is not closed expires
	random := rand.New(rand.NewPCG(j.cfg.Seed, uint64(client)))
	padding := newPadding(j.cfg.Seed+uint64(client), j.cfg.ValueBytes)
	for ctx.Err() == nil {
		value := padding[random.IntN(paddingSlack):][:j.cfg.ValueBytes]
		_, err := conn.Set(ctx, joinKey(random.IntN(j.cfg.keys())), value)
		switch {
		case err == nil:
			j.writes.add(time.Now())
		case ctx.Err() == nil:
			j.failed.Add(1)
			j.problem.Store(&err)
		}
	}
}

// collectEvery has a process collect its garbage over and over, all through the
// load: what is live is known only as of a collection, and a large heap sees few.
func (j *join) collectEvery(ctx context.Context, p *process) {
	for pause(ctx, collectInterval) {
		if err := p.collect(); err != nil {
			j.env.notice("%s does not collect its garbage: %v", p.name, err)
			return
		}
	}
}

// pause waits, and reports whether it did so to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// phases lets the load run, has the node join, and sums up.
func (j *join) phases(ctx context.Context) (*JoinReport, error) {
	j.env.notice("%v of writes before the join", j.cfg.Baseline)
	warmup := min(2*time.Second, j.cfg.Baseline)
	if !pause(ctx, warmup+j.cfg.Baseline) {
		return nil, ErrInterrupted
	}
	r := &JoinReport{Config: j.cfg}
	starts := time.Since(j.begin)
	name := nodeName(j.cfg.Nodes)
	j.env.notice("%s joins", name)
	limited, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	addr, joinErr := j.group.run(limited, j.env, name, "node", name, j.registry)
	joined := time.Since(j.begin)
	if joinErr == nil && !pause(ctx, j.cfg.After) || ctx.Err() != nil {
		return nil, ErrInterrupted
	}
	r.rates(j.writes.buckets(time.Since(j.begin)), warmup, starts, joined)
	r.Joined, r.JoinSeconds = joinErr == nil, (joined - starts).Seconds()
	if joinErr == nil {
		status, err := statusAt(ctx, addr)
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
	for _, child := range j.group.children {
		if child.isGone() {
			r.fail("process %s ended", child.name)
		}
	}
	if n := j.failed.Load(); n > 0 {
		r.fail("%s not acknowledged, the last: %v", count(int(n), "write"), *j.problem.Load())
	}
	r.judge()
	return r, nil
}
