package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
)

// errNoTTL is wrapped by the error of ttl for a variable that stays.
var errNoTTL = errors.New("the variable has no TTL")

// timed is what ttl, expire and persist tell, as JSON.
type timed struct {
	Key      string `json:"key"`
	KeyBytes []byte `json:"key_base64,omitempty"`
	TTL      string `json:"ttl,omitempty"`
	Position uint64 `json:"position,string"`
}

func newTimed(key, ttl string, position uint64) timed {
	r := newResult(key, nil, 0, position)
	return timed{Key: r.Key, KeyBytes: r.KeyBytes, TTL: ttl, Position: position}
}

func newTTLCommand(s *surroundings) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "ttl KEY",
		Short: "Print when a variable expires",
		Long: `Ttl prints how long a variable has left until it expires, such as 9.7s. The group
answers in its order, so ttl sees all writes before it, and costs as much as one. If
the variable has no TTL, the exit status is 9.`,
		Example:           "  dsm ttl lease/n1\n  dsm ttl lease/n1 -o json",
		Args:              exactly("KEY"),
		ValidArgsFunction: t.keys,
		RunE: func(cmd *cobra.Command, args []string) error {
			key := args[0]
			return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
				var trace driver.OpTrace
				left, ok, err := db.TTL(driver.WithTrace(ctx, &trace), key)
				switch {
				case err != nil:
					return about(key, err)
				case !ok:
					return saying(errNoTTL, "%q has no TTL: it does not expire", key)
				}
				return s.show(t.format, left.String(), newTimed(key, left.String(), trace.Position))
			})
		},
	}
	t.addFlags(cmd)
	return cmd
}

func newExpireCommand(s *surroundings) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "expire KEY TTL",
		Short: "Have a variable expire",
		Long: `Expire gives a variable a TTL, in place of the one that it has, and prints the
position of the write in the group's order. When the time has passed, the group
deletes the variable, which a watch prints as expire. Its value and version stay as
they are until then.`,
		Example:           "  dsm expire lease/n1 10s\n  dsm expire cache/page 24h",
		Args:              exactly("KEY", "TTL"),
		ValidArgsFunction: t.keys,
		RunE: func(cmd *cobra.Command, args []string) error {
			key := args[0]
			ttl, err := parseTTL(args[1])
			if err != nil {
				return usagef("TTL %q: %w", args[1], err)
			}
			return t.change(cmd, s, key, ttl.String(), func(ctx context.Context, db *driver.DB) error {
				return db.Expire(ctx, key, ttl)
			})
		},
	}
	t.addFlags(cmd)
	return cmd
}

func newPersistCommand(s *surroundings) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "persist KEY",
		Short: "Have a variable stay",
		Long: `Persist takes a variable's TTL away, so that it does not expire, and prints the
position of the write in the group's order. If the variable has no TTL, it stays as
it is.`,
		Example:           "  dsm persist cache/page",
		Args:              exactly("KEY"),
		ValidArgsFunction: t.keys,
		RunE: func(cmd *cobra.Command, args []string) error {
			key := args[0]
			return t.change(cmd, s, key, "", func(ctx context.Context, db *driver.DB) error {
				return db.Persist(ctx, key)
			})
		},
	}
	t.addFlags(cmd)
	return cmd
}

// change changes when a variable expires, and shows where in the order.
func (t *target) change(cmd *cobra.Command, s *surroundings, key, ttl string, do func(context.Context, *driver.DB) error) error {
	return t.with(cmd, s, func(ctx context.Context, db *driver.DB) error {
		var trace driver.OpTrace
		if err := do(driver.WithTrace(ctx, &trace), db); err != nil {
			return about(key, err)
		}
		return shownWrite(s.show(t.format, decimal(trace.Position), newTimed(key, ttl, trace.Position)), trace.Position)
	})
}

// parseTTL reads a TTL.
func parseTTL(text string) (time.Duration, error) {
	ttl, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("must be a time with its unit, such as 10s, 500ms or 24h")
	}
	return ttl, checkTTL(ttl)
}

// checkTTL returns why a TTL is impossible.
func checkTTL(ttl time.Duration) error {
	if ttl <= 0 || ttl > driver.MaxTTL {
		return fmt.Errorf("must be above 0 and at most %v", driver.MaxTTL)
	}
	return nil
}
