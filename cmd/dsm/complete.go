package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/console"
)

// Bounds of what a shell is told when it completes a key.
const (
	completionTime = 500 * time.Millisecond
	completedKeys  = 50
)

// keys completes the first argument: keys of the group that begin with what was typed.
// Whatever goes wrong, there are none, and nothing is said.
func (t *target) keys(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return t.keysFrom(cmd, typed), cobra.ShellCompDirectiveNoFileComp
}

func (t *target) keysFrom(cmd *cobra.Command, typed string) (keys []string) {
	name, _, err := t.parse()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	db, err := driver.Open(t.failFast(name))
	if err != nil {
		return nil
	}
	defer func() { _ = db.Close() }()
	for item, err := range db.Scan(ctx, driver.Prefix(typed), driver.KeysOnly, driver.Limit(completedKeys)) {
		if err != nil {
			break
		}
		if console.Escape(item.Key) == item.Key { // a line of its own, without tricks
			keys = append(keys, item.Key)
		}
	}
	return keys
}

// completeFlags completes the keys that flags take.
func (t *target) completeFlags(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		// It fails for flags that do not exist, which tests would see.
		_ = cmd.RegisterFlagCompletionFunc(name, func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return t.keysFrom(cmd, typed), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		})
	}
}
