package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/registry"
)

// registryTarget is where an operator's command finds the registry.
type registryTarget struct {
	addr    string
	timeout time.Duration
}

func (t *registryTarget) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.addr, "registry", defaultRegistry, "`address` of the registry, host:port, or several addresses separated by commas")
	cmd.Flags().DurationVar(&t.timeout, "timeout", 5*time.Second, "`time` after which the command gives up")
}

// with calls fn with a client of the registry, and a context that ends with the
// timeout or with that of cmd, which a signal ends.
func (t *registryTarget) with(cmd *cobra.Command, fn func(context.Context, *registry.Client) error) error {
	t.addr = client.TrimAddress(t.addr)
	if err := checkRegistry("--registry", t.addr); err != nil {
		return err
	}
	if t.timeout <= 0 {
		return usagef("--timeout %v: must be above 0, such as 5s", t.timeout)
	}
	client, err := registry.Dial(t.addr)
	if err != nil {
		return &usageError{err}
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), t.timeout)
	defer cancel()
	return fn(ctx, client)
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
