package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/bench/cluster"
	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/client"
)

// target is a group that was running before, and has other clients too.
type target struct {
	load.Handles
	*cluster.Follower
	cluster.LossFeed
	notice func(format string, args ...any)
}

func startTarget(ctx context.Context, cfg *Config, env program.Env, s *cluster.Feeds) (system, check.Options, error) {
	shown := client.TrimAddress(cfg.Target)
	name, err := client.ParseDSN(shown)
	if err != nil {
		return nil, check.Options{}, fmt.Errorf("%w: --target: %w", program.ErrConfig, err)
	}
	addrs, err := name.Find(ctx, client.Options{})
	if err != nil {
		return nil, check.Options{}, fmt.Errorf("--target %s: %w", shown, err)
	}
	l := cluster.NewLossFeed()
	f, origin, err := cluster.Follow(ctx, addrs, s, env, l, nil)
	if err != nil {
		return nil, check.Options{}, fmt.Errorf("--target %s: %w", shown, err)
	}
	t := &target{Follower: f, LossFeed: l, notice: env.Notice}
	if t.Handles, err = load.OpenSpreadHandles(ctx, cfg.Target, len(s.All()), cfg.Conns); err != nil {
		return nil, check.Options{}, errors.Join(fmt.Errorf("--target %s: %w", shown, err), t.Stop())
	}
	// The time keeps two runs apart that have the same seed.
	prefix := fmt.Sprintf("dsmbench-%x-%x/", time.Now().UnixNano(), cfg.Seed)
	lease, known := f.DetectionTime()
	if !known {
		lease = cluster.Detection()
		env.Notice("the group does not tell its detection time: plain reads are held to the default, %v", lease)
	}
	return t, check.Options{Origin: origin, Shared: true, Prefix: prefix, Age: cluster.ReadAge(lease)}, nil
}

// Home is no node: a handle goes to another when its own leaves.
func (t *target) Home(int) string { return "" }

// tidy deletes variables. Nobody needs to follow that.
func (t *target) tidy(ctx context.Context, keys []string) (left int, err error) {
	if err := t.StopFollowing(); err != nil {
		t.notice("ending the deliveries: %v", err)
	}
	return t.Delete(ctx, keys)
}

// Stop leaves the group as it is, but for the variables that tidy has left.
func (t *target) Stop() error { return errors.Join(t.Close(), t.StopFollowing()) }
