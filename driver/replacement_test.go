package driver_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/server"
)

// A watch goes on while all members of the group are replaced, one by one, under load: it
// returns each change once, in order, and does not lag.
func TestWatchOutlivesAllMembers(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	reg, err := server.StartRegistry(ctx, server.RegistryConfig{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	closed := func(what string, err error) {
		if err != nil {
			t.Errorf("closing %s: %v", what, err)
		}
	}
	defer func() { closed("the registry", reg.Close()) }()
	var nodes []*server.Node
	defer func() {
		for i := len(nodes) - 1; i >= 0; i-- {
			closed("a node", nodes[i].Close())
		}
	}()
	join := func(n int) {
		node, err := server.Start(ctx, server.Config{ID: fmt.Sprintf("n%d", n), Registry: reg.Addr(), Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, node)
	}
	for n := range 3 {
		join(n + 1)
	}
	db, err := driver.Open("dsm+registry://" + reg.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { closed("the handle", db.Close()) }()

	events := watchWriters(t, db)
	load, stop := context.WithCancel(within(t))
	var writers sync.WaitGroup
	var written [writersOfReplacement]int
	for i := range written {
		writers.Go(func() {
			for load.Err() == nil {
				written[i]++
				// Each write is certain: it goes on at another node with the same number.
				if _, err := db.Set(within(t), fmt.Sprintf("w/%d", i), []byte(strconv.Itoa(written[i]))); err != nil {
					t.Errorf("writer %d, write %d: %v", i, written[i], err)
					return
				}
			}
		})
	}
	for n := range 3 {
		join(n + 4)
		oldest := nodes[0]
		nodes = nodes[1:]
		closed("a member", oldest.Close())
	}
	stop()
	writers.Wait()
	if _, err := db.Set(ctx, "w/end", nil); err != nil {
		t.Fatal(err)
	}
	seen := <-events
	for i, n := range written {
		if seen[i] != n || n == 0 {
			t.Errorf("of %d writes of writer %d the watch has returned %d", n, i, seen[i])
		}
	}
}

const writersOfReplacement = 4

// watchWriters watches what the writers write until there is w/end, and then says how many
// changes it was of each.
func watchWriters(t *testing.T, db *driver.DB) <-chan [writersOfReplacement]int {
	done := make(chan [writersOfReplacement]int, 1)
	begun := make(chan struct{})
	go func() {
		var seen [writersOfReplacement]int
		defer func() { done <- seen }()
		last := uint64(0)
		for event, err := range db.Watch(within(t), driver.Prefix("w/"), driver.Initial) {
			switch {
			case err != nil:
				t.Errorf("the watch ends: %v", err)
				return
			case event.Kind == driver.EventSynced:
				close(begun)
				continue
			case event.Key == "w/end":
				return
			}
			name, _ := strings.CutPrefix(event.Key, "w/")
			i, err := strconv.Atoi(name)
			if err != nil || event.Kind != driver.EventPut || event.Position <= last || string(event.Data) != strconv.Itoa(seen[i]+1) {
				t.Errorf("%+v after position %d and %d changes", event, last, seen[i])
				return
			}
			last = event.Position
			seen[i]++
		}
	}()
	select {
	case <-begun:
	case seen := <-done: // it has ended with an error
		done <- seen
	}
	return done
}
