package driver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/underrace"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Under random faults, each Update is executed once, if its error does not say that it was
// not, and sees one state.
func TestUpdateUnderFaults(t *testing.T) {
	seeds := underrace.Rounds(40)
	if testing.Short() {
		seeds = 8
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, problem := range updatesUnderFaults(t, seed) {
					t.Error(problem)
				}
			})
		})
	}
}

// updatesUnderFaults has workers move what one counter has to another, and note each move in a log.
func updatesUnderFaults(t *testing.T, seed uint64) (problems []string) {
	r := &faultyRun{c: newFakeCluster(3), random: rand.New(rand.NewPCG(seed, 7)), outcomes: make(map[[2]uint64]error)}
	r.db = r.c.open(t, "ping_interval=500ms&timeout=5m")
	for _, n := range r.c.nodes {
		n.faults = r.fault
		n.delay = func(*wire.Request) time.Duration { return time.Duration(r.intN(3)) * time.Millisecond }
	}
	ctx, cancel := context.WithCancel(t.Context())
	var events, workers sync.WaitGroup
	events.Go(func() { r.disturb(ctx) })
	var mu sync.Mutex
	fates := make(map[string]error) // of moves
	complain := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	for w := range 5 {
		workers.Go(func() {
			for i := range 20 {
				name := fmt.Sprintf("%d.%d;", w, i)
				err := r.move(t.Context(), name, complain)
				mu.Lock()
				fates[name] = err
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	cancel()
	events.Wait()
	for _, n := range r.c.nodes {
		n.set(func(n *fakeNode) { n.faults = nil })
	}
	r.c.group.mu.Lock() // a write whose outcome is unknown may only now be executed
	defer r.c.group.mu.Unlock()
	log := string(r.c.group.at("log", r.c.group.position).value)
	moved, unknown := 0, 0
	for name, err := range fates {
		n := strings.Count(";"+log, ";"+name)
		moved += n
		switch {
		case n > 1, err == nil && n == 0, n == 1 && err != nil && !errors.Is(err, ErrOutcomeUnknown):
			complain("move %s was executed %d times, its error is %v", name, n, err)
		case err != nil:
			unknown++
		}
	}
	if got := string(r.c.group.at("m/to", r.c.group.position).value); got != strconv.Itoa(moved) {
		complain("%s moved, the log has %d", got, moved)
	}
	if unknown > 80 {
		complain("%d of 100 failed: this run shows little", unknown)
	}
	return problems
}

// move moves one from a counter to another, and appends its name to the log.
func (r *faultyRun) move(ctx context.Context, name string, complain func(string, ...any)) error {
	if r.intN(5) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.intN(30))*time.Millisecond)
		defer cancel()
	}
	err := r.db.Update(ctx, func(tx *Tx) error {
		n := 0
		switch to, err := tx.Get("m/to"); {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return err
		default:
			if n, err = strconv.Atoi(string(to.Data)); err != nil {
				return err
			}
		}
		if err := client.Sleep(ctx, time.Duration(r.intN(4))*time.Millisecond); err != nil {
			return err
		}
		sum := n
		for item, err := range tx.Scan(Prefix("m/f")) {
			if err != nil {
				return err
			}
			from, err := strconv.Atoi(string(item.Data))
			if err != nil {
				return err
			}
			sum += from
		}
		if sum != 0 {
			complain("%s sees a sum of %d", name, sum)
		}
		return errors.Join(tx.Set("m/to", []byte(strconv.Itoa(n+1))), tx.Add("m/from", -1), tx.Append("log", []byte(name)))
	})
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	if err != nil && !errors.Is(err, ErrSessionExpired) && !errors.Is(err, ErrOutcomeUnknown) && !errors.Is(err, ErrUnavailable) {
		complain("%s: %v", name, err)
	}
	return err
}
