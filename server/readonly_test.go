package server_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// startLone starts a registry and one node, with a handle on it.
func startLone(t *testing.T, cfg server.Config) (*server.Node, *driver.DB) {
	t.Helper()
	reg, err := server.StartRegistry(t.Context(), server.RegistryConfig{Logger: slog.New(slog.DiscardHandler), Settings: registry.Settings{}})
	if err != nil {
		t.Fatal(err)
	}
	cfg.ID, cfg.Registry = "n1", reg.Addr()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	n, err := server.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := driver.OpenDB(n)
	t.Cleanup(func() {
		for _, c := range []interface{ Close() error }{db, n, reg} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return n, db
}

// crashes reports whether a write to b crashes.
func crashes(b []byte) (crashed bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { crashed = recover() != nil }()
	slices.Reverse(b)
	return false
}

// With the debug option a program that writes to what it has read crashes there, whichever
// way it was read, and the replica keeps what was written.
func TestReadOnlyReads(t *testing.T) {
	for name, set := range map[string]func(*testing.T) server.Config{
		"field":       func(*testing.T) server.Config { return server.Config{ReadOnly: true} },
		"environment": func(t *testing.T) server.Config { t.Setenv("DSM_DEBUG", "readonly"); return server.Config{} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := set(t)
			var mu sync.Mutex
			var payloads [][]byte
			cfg.OnDeliver = func(d *server.Delivery) {
				mu.Lock()
				defer mu.Unlock()
				payloads = append(payloads, d.Payload, d.Effects)
			}
			_, db := startLone(t, cfg)
			if _, err := db.Set(t.Context(), "k", []byte("value")); err != nil {
				t.Fatal(err)
			}
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var trace driver.OpTrace
			traced := driver.WithTrace(t.Context(), &trace)
			for way, read := range map[string]func() (driver.Value, error){
				"Get":      func() (driver.Value, error) { return db.Get(t.Context(), "k") },
				"strong":   func() (driver.Value, error) { return db.Get(t.Context(), "k", driver.Strong) },
				"traced":   func() (driver.Value, error) { return db.Get(traced, "k") },
				"Conn.Get": func() (driver.Value, error) { return conn.Get(t.Context(), "k") },
				"behind a write": func() (driver.Value, error) {
					db.SetAsync(t.Context(), "k", []byte("value"))
					return db.Get(t.Context(), "k")
				},
			} {
				v, err := read()
				if err != nil || string(v.Data) != "value" {
					t.Fatalf("%s: %q, %v", way, v.Data, err)
				}
				if !crashes(v.Data) {
					t.Errorf("%s: what was read can be written to", way)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for _, b := range payloads {
				if len(b) > 1 && !crashes(b) {
					t.Error("what was delivered can be written to")
				}
			}
		})
	}
}

// An unknown word in DSM_DEBUG is logged.
func TestUnknownDebugWord(t *testing.T) {
	t.Setenv("DSM_DEBUG", "readonyl")
	var log bytes.Buffer
	var mu sync.Mutex
	startLone(t, server.Config{Logger: slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(b)
	}), nil))})
	mu.Lock()
	defer mu.Unlock()
	if !bytes.Contains(log.Bytes(), []byte("word=readonyl")) {
		t.Errorf("the log says:\n%s", &log)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// What a program passes to a write, of whichever kind, is its own again once the call
// has returned.
func TestCallersBytesAreCopied(t *testing.T) {
	n, embedded := startLone(t, server.Config{})
	networked, err := driver.Open("dsm://" + n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := networked.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx := t.Context()
	for where, db := range map[string]*driver.DB{"embedded": embedded, "networked": networked} {
		conn, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for how, write := range map[string]func(key string, value []byte) error{
			"Set":                func(key string, value []byte) error { _, err := db.Set(ctx, key, value); return err },
			"CompareAndSet":      func(key string, value []byte) error { _, err := db.CompareAndSet(ctx, key, value, 0); return err },
			"SetAsync":           func(key string, value []byte) error { db.SetAsync(ctx, key, value); return nil },
			"CompareAndSetAsync": func(key string, value []byte) error { db.CompareAndSetAsync(ctx, key, value, 0); return nil },
			"Conn.Set":           func(key string, value []byte) error { _, err := conn.Set(ctx, key, value); return err },
			"Conn.SetAsync":      func(key string, value []byte) error { conn.SetAsync(ctx, key, value); return nil },
			"given up": func(key string, value []byte) error {
				// Behind what is outstanding, and not waited for.
				for range 100 {
					db.SetAsync(ctx, "other", value)
				}
				soon, cancel := context.WithCancel(ctx)
				go cancel()
				if _, err := db.Set(soon, key, value); err != nil {
					_, err = db.Set(ctx, key, []byte("right"))
					return err
				}
				return nil
			},
		} {
			key := fmt.Sprint(where, how)
			value := []byte("right")
			if err := write(key, value); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			copy(value, "wrong")
			for _, h := range []interface{ Flush(context.Context) error }{db, conn} {
				if err := h.Flush(ctx); err != nil {
					t.Fatalf("%s: %v", key, err)
				}
			}
			if v, err := embedded.Get(ctx, key, driver.Strong); err != nil || string(v.Data) != "right" {
				t.Errorf("%s: the group has %q, %v", key, v.Data, err)
			}
		}
		// What a networked handle returns belongs to the caller alone.
		if db == networked {
			v, err := db.Get(ctx, "networkedSet")
			if err != nil {
				t.Fatal(err)
			}
			slices.Reverse(v.Data)
			if v, err = db.Get(ctx, "networkedSet"); err != nil || string(v.Data) != "right" {
				t.Errorf("another read has %q, %v", v.Data, err)
			}
		}
	}
}
