package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// withReplica calls fn with a connection to the first server that accepts one for
// stale reads: a member of a view, with a lease or without.
func (t *target) withReplica(cmd *cobra.Command, fn func(context.Context, *client.Conn) error) error {
	name, dsn, err := t.parse()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), t.timeout)
	defer cancel()
	conn, err := reach(ctx, t, name, func() (*client.Conn, error) { return dialReplica(ctx, dsn) })
	if err != nil {
		return err
	}
	return errors.Join(fn(ctx, conn), conn.Close())
}

// dialReplica connects to all servers at once and returns the first that accepts.
func dialReplica(ctx context.Context, dsn client.DSN) (*client.Conn, error) {
	servers, err := dsn.Find(ctx, client.Options{})
	if err != nil {
		return nil, err
	}
	return client.FirstOf(ctx, client.SystemLookup, servers, client.AtOnce, client.Stagger, func(ctx context.Context, addr string) (*client.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return client.Dial(ctx, addr, client.Options{Stale: true})
	})
}

// getStale prints the value that one server has, and on stderr at which position.
func (s *surroundings) getStale(ctx context.Context, conn *client.Conn, f format, key string) error {
	if key == "" || len(key) > 1024 || key[0] == 0 {
		return about(key, driver.ErrInvalidKey)
	}
	reply, err := conn.Get(ctx, key, 0, false)
	if err != nil {
		return err
	}
	node := conn.Info().NodeID
	switch reply.Status {
	case wire.StatusOK:
	case wire.StatusNotFound:
		return saying(driver.ErrNotFound, "%s had no variable %q at position %d", node, key, reply.Position)
	default:
		return fmt.Errorf("%w: %s refuses the read (status %d)", driver.ErrUnavailable, node, reply.Status)
	}
	s.complain("%s had this value at position %d: it may have changed since", node, reply.Position)
	return s.showValue(f, key, reply.Data, reply.Version, reply.Position)
}
