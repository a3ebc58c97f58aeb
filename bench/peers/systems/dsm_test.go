package systems

import (
	"log/slog"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/server"
)

// TestDSMTogether: transactions and watches hold what the load asks of them, within the
// process, and by TCP with watchers on connections of their own.
func TestDSMTogether(t *testing.T) {
	embedded, err := startDSMEmbedded(t.Context(), Env{})
	if err != nil {
		t.Fatal(err)
	}
	for name, system := range map[string]point.System{"embedded": embedded, "network": dsmByTCP(t)} {
		pool := point.NewPool(system)
		t.Cleanup(func() {
			if err := pool.Close(); err != nil {
				t.Error(err)
			}
		})
		work := point.Work{Kind: point.Swaps, Clients: 4, Keys: point.Keys(20), ValueBytes: 100, Duration: 50 * time.Millisecond, Seed: 1}
		if err := pool.Preload(t.Context(), work.Keys, work.ValueBytes); err != nil {
			t.Fatal(err)
		}
		if _, err := pool.Run(t.Context(), work); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		work.Kind, work.Watchers = point.FanOut, watchConns+3
		if _, err := pool.Run(t.Context(), work); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// dsmByTCP has one node, and uses it as if it were in another process.
func dsmByTCP(t *testing.T) *dsm {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	reg, err := server.StartRegistry(t.Context(), server.RegistryConfig{Listen: "127.0.0.1:0", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, reg.Close)
	node, err := server.Start(t.Context(), server.Config{ID: "n1", Registry: reg.Addr(), Listen: "127.0.0.1:0", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, node.Close)
	db, err := driver.Open("dsm://" + node.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return &dsm{handles: []*driver.DB{db}, addrs: []string{node.Addr()}, close: func() error { return nil }}
}

// closeAfter closes something when the test has ended.
func closeAfter(t *testing.T, end func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}
