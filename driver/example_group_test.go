package driver_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// The examples run against a real group of one node in this process.
var (
	ctx       = context.Background()
	reg       *registry.Registry
	node      *server.Node
	dsn       string     // names the node, as in "dsm://127.0.0.1:7000"
	discovery string     // names the registry, as in "dsm+registry://127.0.0.1:6001"
	db        *driver.DB // an open handle
)

func TestMain(m *testing.M) {
	code, err := withGroup(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the examples' group:", err)
		code = 1
	}
	os.Exit(code) //nolint:forbidigo // this is the tests' main
}

// withGroup starts the group, runs the tests, and stops it.
func withGroup(run func() int) (code int, err error) {
	quiet := slog.New(slog.DiscardHandler)
	if reg, err = server.StartRegistry(ctx, server.RegistryConfig{Logger: quiet}); err != nil {
		return 0, err
	}
	defer func() {
		if closed := reg.Close(); err == nil {
			err = closed
		}
	}()
	if node, err = server.Start(ctx, server.Config{ID: "n1", Registry: reg.Addr(), Logger: quiet}); err != nil {
		return 0, err
	}
	defer func() {
		if closed := node.Close(); err == nil {
			err = closed
		}
	}()
	dsn, discovery = "dsm://"+node.Addr(), "dsm+registry://"+reg.Addr()
	if db, err = driver.Open(dsn); err != nil {
		return 0, err
	}
	code = run()
	return code, db.Close()
}
