// Command writes is what bench/way measures: three nodes with event loops, a
// registry and a client in one process, which make one write after another. It must
// be built with -cover -covermode=atomic. It writes the coverage counters of the
// writes alone into a directory.
//
//	writes DIRECTORY COUNT
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/coverage"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/server"
)

const (
	nodes = 3

	// atMost bounds a run.
	atMost = time.Minute

	// slow is the detection time and the interval of ticks: what happens by itself is
	// rare beside the writes.
	slow = time.Minute
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: writes DIRECTORY COUNT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "writes:", err)
		os.Exit(1)
	}
}

func run(dir, count string) error {
	writes, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("the number of writes: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), atMost)
	defer cancel()
	log := slog.New(slog.DiscardHandler)
	registry, err := server.StartRegistry(ctx, server.RegistryConfig{
		Settings: membership.Settings{Detection: slow, SessionTTL: 3 * slow, Tick: slow}, Logger: log,
	})
	if err != nil {
		return err
	}
	defer registry.Close() //nolint:errcheck // the process ends
	var address string
	for i := range nodes {
		node, err := server.Start(ctx, server.Config{ID: fmt.Sprint("n", i+1), Registry: registry.Addr(), Logger: log, EventLoop: true})
		if err != nil {
			return err
		}
		defer node.Stop() //nolint:errcheck // the process ends
		address = node.Addr()
	}
	db, err := driver.Open("dsm://" + address)
	if err != nil {
		return err
	}
	defer db.Close()
	// The first write opens the session and what it needs.
	if _, err := db.Set(ctx, "k", nil); err != nil {
		return err
	}
	if err := coverage.ClearCounters(); err != nil {
		return err
	}
	for range writes {
		if _, err := db.Set(ctx, "k", []byte("v")); err != nil {
			return err
		}
	}
	if err := coverage.WriteMetaDir(dir); err != nil {
		return err
	}
	return coverage.WriteCountersDir(dir)
}
