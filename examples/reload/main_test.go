package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/server"
)

// TestReload changes limits, and reads what the worker prints.
func TestReload(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	quiet := slog.New(slog.DiscardHandler)
	reg, err := server.StartRegistry(ctx, server.RegistryConfig{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, reg)
	node, err := server.Start(ctx, server.Config{ID: "n1", Registry: reg.Addr(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, node)
	db := driver.OpenDB(node)
	defer closed(t, db)

	set := func(name, value string) {
		if _, err := db.Set(ctx, prefix+name, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	set("rate", "10")
	set("burst", "5")
	from, to := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "dsm://"+node.Addr(), to) }()
	lines := bufio.NewScanner(from)
	want := func(line string) {
		t.Helper()
		if lines.Scan(); lines.Text() != line {
			t.Fatalf("%q, want %q", lines.Text(), line)
		}
	}
	want("limits: burst=5 rate=10")
	set("rate", "50")
	want("limits: burst=5 rate=50")
	if _, err := db.Delete(ctx, prefix+"burst"); err != nil {
		t.Fatal(err)
	}
	want("limits: rate=50")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func closed(t *testing.T, c io.Closer) {
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
