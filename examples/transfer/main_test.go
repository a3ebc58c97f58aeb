package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/server"
)

// TestTransfer has several clients move money at once, each in a process of its own but for the
// name, and lists the accounts meanwhile.
func TestTransfer(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	reg, err := server.StartRegistry(t.Context(), server.RegistryConfig{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, reg)
	node, err := server.Start(t.Context(), server.Config{ID: "n1", Registry: reg.Addr(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, node)
	dsn := "dsm://" + node.Addr()
	do := func(args ...string) (string, error) {
		var out strings.Builder
		err := run(t.Context(), dsn, args, &out)
		return out.String(), err
	}
	for _, name := range []string{"alice", "bob", "carol"} {
		if _, err := do("open", name, "100"); err != nil {
			t.Fatal(err)
		}
	}
	var clients sync.WaitGroup
	for c := range uint64(4) {
		r := rand.New(rand.NewPCG(c, 1))
		clients.Go(func() {
			names := []string{"alice", "bob", "carol"}
			for range 15 {
				r.Shuffle(3, func(i, j int) { names[i], names[j] = names[j], names[i] })
				if _, err := do("move", names[0], names[1], strconv.Itoa(r.IntN(120))); err != nil && !errors.Is(err, errOverdrawn) {
					t.Error(err)
				}
				out, err := do("list")
				if err != nil || !strings.HasSuffix(out, "sum 300\n") || strings.Contains(out, "-") {
					t.Errorf("%q, %v", out, err)
				}
			}
		})
	}
	clients.Wait()

	if _, err := do("open", "dave", "1"); err != nil {
		t.Error(err)
	}
	for _, tc := range []struct {
		args string
		want error
	}{
		{"open dave 5", driver.ErrConflict},
		{"move dave alice 2", errOverdrawn},
		{"move dave nobody 1", driver.ErrNotFound},
		{"move nobody dave 1", driver.ErrNotFound},
		{"move dave alice 1", nil},
		{"move alice dave -1", errUsage},
		{"move alice dave x", errUsage},
		{"list all", errUsage},
		{"", errUsage},
	} {
		if _, err := do(strings.Fields(tc.args)...); !errors.Is(err, tc.want) || err != nil && tc.want == nil {
			t.Errorf("%s: %v, want %v", tc.args, err, tc.want)
		}
	}
	if out, err := do("list"); err != nil || !strings.HasSuffix(out, fmt.Sprintln("dave 0\nsum 301")) {
		t.Errorf("%q, %v", out, err)
	}
}

func closed(t *testing.T, c io.Closer) {
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
