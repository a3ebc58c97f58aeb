package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/server"
)

// group starts a registry and a node, and returns handles on it.
func group(t *testing.T, n int) []*driver.DB {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	reg, err := server.StartRegistry(t.Context(), server.RegistryConfig{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, reg) })
	node, err := server.Start(t.Context(), server.Config{ID: "n1", Registry: reg.Addr(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, node) })
	list := []*driver.DB{driver.OpenDB(node)}
	for len(list) < n {
		db, err := driver.Open("dsm://" + node.Addr())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, db)
	}
	for _, db := range list {
		t.Cleanup(func() { closed(t, db) })
	}
	return list
}

func closed(t *testing.T, c io.Closer) {
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestLimit has servers share the limit of each user: exactly so many requests pass.
func TestLimit(t *testing.T) {
	const limit, requests = 20, 15
	var passed [3]atomic.Int64 // of each user
	var all sync.WaitGroup
	for _, db := range group(t, 3) {
		l := &limiter{db: db, limit: limit, window: time.Hour}
		for user := range passed {
			all.Go(func() {
				for range requests {
					ok, wait, err := l.allow(t.Context(), strconv.Itoa(user))
					if err != nil || ok != (wait == 0) || wait > time.Hour {
						t.Error(ok, wait, err)
					}
					if ok {
						passed[user].Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	for user := range passed {
		if n := passed[user].Load(); n != limit {
			t.Errorf("%d requests of user %d have passed, want %d", n, user, limit)
		}
	}
}

// TestWindow waits for the end of a window, after which the user may ask again.
func TestWindow(t *testing.T) {
	db := group(t, 1)[0]
	l := &limiter{db: db, limit: 1, window: time.Hour}
	handler := l.wrap(http.HandlerFunc(hello))
	get := func(ctx context.Context, user string, want int) http.Header {
		t.Helper()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/?user="+user, nil))
		if w.Code != want {
			t.Errorf("status %d for %s, want %d", w.Code, user, want)
		}
		return w.Header()
	}
	get(t.Context(), "ann", http.StatusOK)
	after := get(t.Context(), "ann", http.StatusTooManyRequests).Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err != nil || seconds > 3600 || seconds < 1800 {
		t.Errorf("Retry-After: %s", after)
	}
	get(t.Context(), "bob", http.StatusOK)

	counter, err := db.Get(t.Context(), prefix+"ann")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Expire(t.Context(), prefix+"ann", time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for event, err := range db.Watch(t.Context(), driver.Key(prefix+"ann"), driver.From(counter.Version)) {
		if err != nil || event.Kind != driver.EventExpire {
			t.Fatal(event, err)
		}
		break
	}
	get(t.Context(), "ann", http.StatusOK)
	get(t.Context(), "bob", http.StatusTooManyRequests)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	get(ended, "carl", http.StatusServiceUnavailable)
}
