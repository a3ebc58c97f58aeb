package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/server"
)

// testGroup is a registry and a node in this process.
type testGroup struct {
	registry string // address
	dsn      string // of the node
}

// startGroup starts a group, and returns the data source name of its node.
func startGroup(t *testing.T) string {
	t.Helper()
	return startGroupOf(t).dsn
}

func startGroupOf(t *testing.T) testGroup {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	reg, err := server.StartRegistry(t.Context(), server.RegistryConfig{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	node, err := server.Start(t.Context(), server.Config{ID: "n1", Registry: reg.Addr(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
	})
	return testGroup{reg.Addr(), "dsm://" + node.Addr()}
}

// A value gets a newline where a person reads it, and nowhere else.
func TestGetOnATerminal(t *testing.T) {
	dsn := startGroup(t)
	for _, test := range []struct {
		terminal bool
		args     string
		want     string // "": anything
	}{
		{false, "add n 1", "1\n"},
		{false, "set k v -o json", ""},
		{false, "get k", "v"},
		{true, "get k", "v\n"},
		{false, "set e \x1b[2J\u009b\x7f\u202e\xff -o json", ""},
		{false, "get e", "\x1b[2J\u009b\x7f\u202e\xff"},
		{true, "get e", `\x1b[2J\u009b\x7f\u202e\xff` + "\n"},
	} {
		var stdout, stderr bytes.Buffer
		s := &surroundings{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, onDisplay: test.terminal}
		if status := run(t.Context(), append(strings.Fields(test.args), "--dsn", dsn), s); status != exitOK || test.want != "" && stdout.String() != test.want {
			t.Errorf("dsm %s: status %d, stdout %q, want %q; stderr %s", test.args, status, &stdout, test.want, &stderr)
		}
	}
}

// A signal ends a command at once, and it tells that nothing was done.
func TestInterrupted(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	var stderr bytes.Buffer
	s := &surroundings{stdin: strings.NewReader(""), stdout: io.Discard, stderr: &stderr, signals: signals}
	status := run(context.WithoutCancel(t.Context()), strings.Fields("set k v --wait --timeout 1h --dsn dsm://127.0.0.1:1"), s)
	if status != 130 || !strings.Contains(stderr.String(), `interrupted by signal "interrupt", nothing was done`) {
		t.Errorf("status %d, stderr %s", status, &stderr)
	}
}
