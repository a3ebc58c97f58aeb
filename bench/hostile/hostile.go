package hostile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/bench/attack"
	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/rlimit"
)

// Config says how a group is attacked. Its fields have the names of the
// flags of dsmbench hostile.
type Config struct {
	Nodes         int
	Clients       int           // that behave, a session and a connection each
	Phase         time.Duration // of each attack, and of the quiet before and after it
	Conns         int           // that are idle or silent
	HeavyConns    []int         // of each attack that is heavy: it is tried with each number
	Frames        int           // of garbage a second
	FramesPerConn int
	Attacks       []attack.Kind // in this order
	Seed          uint64        // of what the clients do
}

// Defaults is every attack on a group of three.
func Defaults() Config {
	return Config{
		Nodes: 3, Clients: 16, Phase: 5 * time.Second, Conns: 10_000, Frames: 10_000, FramesPerConn: 10,
		HeavyConns: []int{1, 16}, Attacks: attack.Kinds, Seed: 1,
	}
}

// filesBesides is how many open files a process needs beside the connections of an
// attack. A node keeps some for its own and for those that are yet to say what
// they are.
const filesBesides = 768

// Validate reports the first field that makes no sense, by the name of its flag,
// or that the system does not allow as many open files as are needed. The error
// wraps ErrConfig.
func (c *Config) Validate() error {
	if err := cmp.Or(
		program.CheckInt("nodes", c.Nodes, 1, cluster.MaxNodes),
		program.CheckInt("clients", c.Clients, 1, load.MaxClients),
		program.CheckInt("conns", c.Conns, 1, attack.MaxConns),
		program.CheckInt("frames", c.Frames, 1, attack.MaxFrames),
		program.CheckInt("frames-per-conn", c.FramesPerConn, 1, attack.MaxFrames),
	); err != nil {
		return err
	}
	switch {
	case c.FramesPerConn > c.Frames:
		return program.BadFlag("frames-per-conn", strconv.Itoa(c.FramesPerConn), fmt.Sprintf("must not be above --frames, %d", c.Frames))
	case c.Phase < program.LeastPhase || c.Phase > program.LongestPhase:
		return program.BadFlag("phase", c.Phase.String(), fmt.Sprintf("must be from %v to %v", program.LeastPhase, program.LongestPhase))
	case len(c.Attacks) == 0:
		return fmt.Errorf("%w: --attacks is empty", program.ErrConfig)
	case len(c.HeavyConns) == 0:
		return fmt.Errorf("%w: --heavy-conns is empty", program.ErrConfig)
	}
	for _, n := range c.HeavyConns {
		if err := program.CheckInt("heavy-conns", n, 1, attack.MaxConns); err != nil {
			return err
		}
	}
	for _, kind := range c.Attacks {
		if !slices.Contains(attack.Kinds, kind) {
			last := len(attack.Kinds) - 1
			return fmt.Errorf("%w: --attacks: unknown attack %q: the attacks are %s and %s", program.ErrConfig, kind, joined(attack.Kinds[:last]), attack.Kinds[last])
		}
	}
	return c.validateFiles(rlimit.Files())
}

// validateFiles refuses more connections than a process can have that may open so
// many files.
func (c *Config) validateFiles(files int) error {
	flag, conns := "conns", c.Conns
	if heavy := slices.Max(c.HeavyConns); heavy > conns {
		flag, conns = "heavy-conns", heavy
	}
	if need := conns + filesBesides; files < need {
		return program.BadFlag(flag, strconv.Itoa(conns), fmt.Sprintf(
			"the system lets a process have %d open files, and %d are needed: raise that with ulimit -n, or give fewer connections", files, need))
	}
	return nil
}

// joined names attacks for people.
func joined(kinds []attack.Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// connsOf returns with how many connections an attack is tried, one number after the other.
func (c *Config) connsOf(kind attack.Kind) []int {
	if kind.Heavy() {
		return c.HeavyConns
	}
	return []int{c.Conns}
}

// nameOf names an attack, with its connections if it is tried with several numbers.
func nameOf(kind attack.Kind, conns int) string {
	if kind.Heavy() {
		return fmt.Sprintf("%s from %d", kind, conns)
	}
	return string(kind)
}

// Run starts a group of processes with clients that behave, and attacks it from
// another process, in one way after another with quiet between them. It reports
// what that did to the clients' latencies. An error means that there is nothing to
// report.
func Run(ctx context.Context, cfg Config, env program.Env) (report *Report, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &hostile{cfg: cfg, env: env.OrNowhere()}
	h.group = cluster.NewProcesses(h.env, cfg.Nodes)
	defer func() { err = errors.Join(err, h.handles.Close(), h.group.Stop()) }()
	if err := h.prepare(ctx); err != nil {
		return nil, err
	}
	h.watch.clock = load.NewClock()
	stop, err := load.Start(ctx, cfg.Clients, h.watch.clock, h.handles, h.keys, &h.watch)
	if err != nil {
		return nil, err
	}
	defer stop()
	return h.phases(ctx)
}

// hostile is such a run.
type hostile struct {
	cfg     Config
	env     program.Env
	group   *cluster.Processes
	handles load.Handles
	keys    *load.Keyspace
	watch   stopwatch
}

// largeValueBytes is the size of what unread clients ask for.
const largeValueBytes = 256 << 10

// prepare starts the group and fills it.
func (h *hostile) prepare(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, cluster.SetUpTimeout)
	defer cancel()
	if err := h.group.Start(ctx, cluster.Settings(cluster.Safe)); err != nil {
		return err
	}
	conns := (h.cfg.Clients + h.cfg.Nodes - 1) / h.cfg.Nodes
	if h.handles, err = load.OpenNodeHandles(h.group.Addrs, conns); err != nil {
		return err
	}
	large := load.NewPadding(h.cfg.Seed, largeValueBytes)[:largeValueBytes]
	if _, err := h.handles[0].Set(ctx, attack.Large, large); err != nil {
		return fmt.Errorf("bench: preloading: %w", err)
	}
	w := load.Workload{Writes: 0.5, Keys: hostileKeys, ValueBytes: hostileValueBytes, Seed: h.cfg.Seed}
	h.keys = load.NewKeyspace(&w, "hostile/")
	_, err = h.handles.ForEach(ctx, hostileKeys, len(h.handles), func(ctx context.Context, db *driver.DB, i int) error {
		if _, err := db.Set(ctx, h.keys.Plain[i], large[:hostileValueBytes]); err != nil {
			return fmt.Errorf("bench: preloading: %w", err)
		}
		return nil
	})
	return err
}

// settleTime is how long the group has, at most, to get over an attack before its
// latencies count as those of a quiet one.
const settleTime = 2 * time.Second

// phases measures quiet and attacks in turns.
func (h *hostile) phases(ctx context.Context) (*Report, error) {
	r := &Report{Config: h.cfg}
	if err := h.quiet(ctx, r); err != nil {
		return nil, err
	}
	for _, kind := range h.cfg.Attacks {
		for _, conns := range h.cfg.connsOf(kind) {
			if err := h.attack(ctx, r, kind, conns); err != nil {
				return nil, err
			}
			if err := h.quiet(ctx, r); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range h.group.Ended() {
		r.fail("process %s ended", name)
	}
	r.judge()
	return r, nil
}

// quiet measures how it is without an attack.
func (h *hostile) quiet(ctx context.Context, r *Report) error {
	if !program.Pause(ctx, min(settleTime, h.cfg.Phase)) {
		return program.ErrInterrupted
	}
	p, err := h.measure(ctx)
	p.Name = quietPhase
	r.Phases = append(r.Phases, p)
	return err
}

// attack measures how it is under one.
func (h *hostile) attack(ctx context.Context, r *Report, kind attack.Kind, conns int) (err error) {
	name := nameOf(kind, conns)
	defer func() {
		if err != nil && !errors.Is(err, program.ErrInterrupted) {
			err = fmt.Errorf("bench: attack %s: %w", name, err)
		}
	}()
	h.env.Notice("%v of attack: %s", h.cfg.Phase, name)
	attacker, err := cluster.StartAttack(ctx, h.env, attack.Config{
		Kind: kind, Nodes: h.group.Addrs, Registry: h.group.Registry, Conns: conns, Frames: h.cfg.Frames, FramesPerConn: h.cfg.FramesPerConn,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, attacker.Stop()) }()
	before, err := attacker.Figures()
	if err != nil {
		return err
	}
	p, err := h.measure(ctx)
	if err != nil {
		return err
	}
	after, err := attacker.Figures()
	if err != nil {
		return err
	}
	strength := after.Sub(before)
	p.Name, p.Kind, p.Conns, p.Attack = name, kind, conns, &strength
	r.Phases = append(r.Phases, p)
	return nil
}

// measure gathers for a phase what clients see, and then what is live in the nodes.
func (h *hostile) measure(ctx context.Context) (Phase, error) {
	h.watch.take()
	if !program.Pause(ctx, h.cfg.Phase) {
		return Phase{}, program.ErrInterrupted
	}
	p := h.watch.take().phase(h.cfg.Phase)
	usages, err := h.group.Usages(true)
	if err != nil {
		return Phase{}, err
	}
	for _, u := range usages {
		p.Heap = max(p.Heap, u.LiveHeap)
	}
	return p, nil
}
