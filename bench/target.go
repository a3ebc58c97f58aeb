package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/client"
)

// target is a group that was running before, and has other clients too.
type target struct {
	handles
	*follower
	losses
}

func startTarget(ctx context.Context, cfg *Config, env Env, s *feeds) (system, check.Options, error) {
	shown := client.TrimAddress(cfg.Target)
	name, err := client.ParseDSN(shown)
	if err != nil {
		return nil, check.Options{}, fmt.Errorf("%w: --target: %w", ErrConfig, err)
	}
	addrs, err := name.Find(ctx, client.Options{})
	if err != nil {
		return nil, check.Options{}, fmt.Errorf("--target %s: %w", shown, err)
	}
	l := newLosses()
	f, origin, err := follow(ctx, addrs, s, env, l, nil)
	if err != nil {
		return nil, check.Options{}, fmt.Errorf("--target %s: %w", shown, err)
	}
	t := &target{follower: f, losses: l}
	if t.handles, err = openSpreadHandles(ctx, cfg.Target, len(s.all()), cfg.Conns); err != nil {
		return nil, check.Options{}, errors.Join(fmt.Errorf("--target %s: %w", shown, err), t.Stop())
	}
	// The time keeps two runs apart that have the same seed.
	prefix := fmt.Sprintf("dsmbench-%x-%x/", time.Now().UnixNano(), cfg.Seed)
	lease, known := f.members.detectionTime()
	if !known {
		lease = detection()
		env.notice("the group does not tell its detection time: plain reads are held to the default, %v", lease)
	}
	return t, check.Options{Origin: origin, Shared: true, Prefix: prefix, Age: readAge(lease)}, nil
}

// Home is no node: a handle goes to another when its own leaves.
func (t *target) Home(int) string { return "" }

// tidy deletes variables. Nobody needs to follow that.
func (t *target) tidy(ctx context.Context, keys []string) (left int, err error) {
	if err := t.stop(); err != nil {
		t.env.notice("ending the deliveries: %v", err)
	}
	return t.delete(ctx, keys)
}

// Stop leaves the group as it is, but for the variables that tidy has left.
func (t *target) Stop() error { return errors.Join(t.close(), t.stop()) }
