package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/bench/attack"
	"github.com/seed-8247e700/dsm/internal/rlimit"
)

// HostileConfig says how a group is attacked. Its fields have the names of the
// flags of dsmbench hostile.
type HostileConfig struct {
	Nodes         int
	Clients       int           // that behave, a session and a connection each
	Phase         time.Duration // of each attack, and of the quiet before and after it
	Conns         int           // that are idle or silent
	Frames        int           // of garbage a second
	FramesPerConn int
	Attacks       []attack.Kind // in this order
	Seed          uint64        // of what the clients do
}

// HostileDefaults is every attack on a group of three.
func HostileDefaults() HostileConfig {
	return HostileConfig{
		Nodes: 3, Clients: 16, Phase: 5 * time.Second, Conns: 10_000, Frames: 10_000, FramesPerConn: 10,
		Attacks: attack.Kinds, Seed: 1,
	}
}

// filesBesides is how many open files a process needs beside the connections of an
// attack. A node keeps some for its own and for those that are yet to say what
// they are.
const filesBesides = 768

// Validate reports the first field that makes no sense, by the name of its flag,
// or that the system does not allow as many open files as are needed. The error
// wraps ErrConfig.
func (c *HostileConfig) Validate() error {
	for _, f := range []intFlag{
		{"nodes", c.Nodes, 1, maxNodes},
		{"clients", c.Clients, 1, maxClients},
		{"conns", c.Conns, 1, attack.MaxConns},
		{"frames", c.Frames, 1, attack.MaxFrames},
		{"frames-per-conn", c.FramesPerConn, 1, attack.MaxFrames},
	} {
		if err := f.validate(); err != nil {
			return err
		}
	}
	switch {
	case c.FramesPerConn > c.Frames:
		return badFlag("frames-per-conn", strconv.Itoa(c.FramesPerConn), fmt.Sprintf("must not be above --frames, %d", c.Frames))
	case c.Phase < leastPhase || c.Phase > longestPhase:
		return badFlag("phase", c.Phase.String(), fmt.Sprintf("must be from %v to %v", leastPhase, longestPhase))
	case len(c.Attacks) == 0:
		return fmt.Errorf("%w: --attacks is empty", ErrConfig)
	}
	for _, kind := range c.Attacks {
		if !slices.Contains(attack.Kinds, kind) {
			last := len(attack.Kinds) - 1
			return fmt.Errorf("%w: --attacks: %q is no attack: there are %s and %s", ErrConfig, kind, joined(attack.Kinds[:last]), attack.Kinds[last])
		}
	}
	return c.validateFiles(rlimit.Files())
}

// validateFiles refuses more connections than a process can have that may open so
// many files.
func (c *HostileConfig) validateFiles(files int) error {
	if need := c.Conns + filesBesides; files < need {
		return badFlag("conns", strconv.Itoa(c.Conns), fmt.Sprintf(
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

func (c *HostileConfig) attack(kind attack.Kind, nodes []string, registry string) attack.Config {
	return attack.Config{Kind: kind, Nodes: nodes, Registry: registry, Conns: c.Conns, Frames: c.Frames, FramesPerConn: c.FramesPerConn}
}

// Hostile starts a group of processes with clients that behave, and attacks it from
// another process, in one way after another with quiet between them. It reports
// what that did to the clients' latencies. An error means that there is nothing to
// report.
func Hostile(ctx context.Context, cfg HostileConfig, env Env) (report *HostileReport, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &hostile{cfg: cfg, env: env.orNowhere(), group: &processes{losses: newLosses(), nodes: cfg.Nodes}}
	defer func() { err = errors.Join(err, h.group.Stop()) }()
	if err := h.prepare(ctx); err != nil {
		return nil, err
	}
	load, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for client := range cfg.Clients {
		m, err := h.group.Open(ctx, client)
		if err != nil {
			return nil, fmt.Errorf("bench: opening sessions: %w", err)
		}
		running.Go(func() { h.behave(load, m, client) })
	}
	return h.phases(ctx)
}

// hostile is such a run.
type hostile struct {
	cfg      HostileConfig
	env      Env
	group    *processes
	registry string   // its address
	addrs    []string // of the nodes
	watch    stopwatch
}

// largeValueBytes is the size of what unread clients ask for.
const largeValueBytes = 256 << 10

// prepare starts the group and fills it.
func (h *hostile) prepare(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, setUpTimeout)
	defer cancel()
	if h.registry, h.addrs, err = h.group.startMembers(ctx, h.env, Safe, h.cfg.Nodes); err != nil {
		return err
	}
	conns := (h.cfg.Clients + h.cfg.Nodes - 1) / h.cfg.Nodes
	if h.group.handles, err = openNodeHandles(h.addrs, conns); err != nil {
		return err
	}
	db := h.group.handles[0]
	if _, err := db.Set(ctx, attack.Large, newPadding(h.cfg.Seed, largeValueBytes)[:largeValueBytes]); err != nil {
		return fmt.Errorf("bench: preloading: %w", err)
	}
	for i := range hostileKeys {
		if _, err := db.Set(ctx, hostileKey(i), newPadding(h.cfg.Seed, hostileValueBytes)[:hostileValueBytes]); err != nil {
			return fmt.Errorf("bench: preloading: %w", err)
		}
	}
	return nil
}

// settleTime is how long the group has, at most, to get over an attack before its
// latencies count as those of a quiet one.
const settleTime = 2 * time.Second

// phases measures quiet and attacks in turns.
func (h *hostile) phases(ctx context.Context) (*HostileReport, error) {
	r := &HostileReport{Config: h.cfg}
	if err := h.quiet(ctx, r); err != nil {
		return nil, err
	}
	for _, kind := range h.cfg.Attacks {
		if err := h.attack(ctx, r, kind); err != nil {
			return nil, err
		}
		if err := h.quiet(ctx, r); err != nil {
			return nil, err
		}
	}
	for _, child := range h.group.children {
		if child.isGone() {
			r.fail("process %s ended", child.name)
		}
	}
	r.judge()
	return r, nil
}

// quiet measures how it is without an attack.
func (h *hostile) quiet(ctx context.Context, r *HostileReport) error {
	if !pause(ctx, min(settleTime, h.cfg.Phase)) {
		return ErrInterrupted
	}
	p, err := h.measure(ctx)
	p.Name = quietPhase
	r.Phases = append(r.Phases, p)
	return err
}

// attack measures how it is under one.
func (h *hostile) attack(ctx context.Context, r *HostileReport, kind attack.Kind) (err error) {
	h.env.notice("%v of attack: %s", h.cfg.Phase, kind)
	config, err := json.Marshal(h.cfg.attack(kind, h.addrs, h.registry))
	if err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, childStartTimeout)
	defer cancel()
	attacker, err := startProcess(h.env, string(kind), nil, []string{attackChild, string(config)})
	if err == nil {
		_, err = attacker.awaitReady(starting)
		defer func() { err = errors.Join(err, attacker.stop()) }()
	}
	if err != nil {
		return fmt.Errorf("bench: attack %s: %w", kind, err)
	}
	before, err := attacker.figures()
	if err != nil {
		return fmt.Errorf("bench: attack %s: %w", kind, err)
	}
	p, err := h.measure(ctx)
	if err != nil {
		return err
	}
	after, err := attacker.figures()
	if err != nil {
		return fmt.Errorf("bench: attack %s: %w", kind, err)
	}
	strength := after.Sub(before)
	p.Name, p.Attack = string(kind), &strength
	r.Phases = append(r.Phases, p)
	return nil
}

// measure gathers latencies for a phase.
func (h *hostile) measure(ctx context.Context) (Phase, error) {
	h.watch.take()
	if !pause(ctx, h.cfg.Phase) {
		return Phase{}, ErrInterrupted
	}
	return h.watch.take().phase(h.cfg.Phase), nil
}
