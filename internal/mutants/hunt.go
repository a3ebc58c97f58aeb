package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// hunt tries mutants and counts what becomes of them.
type hunt struct {
	*settings
	temp  string
	out   io.Writer
	began time.Time

	mu        sync.Mutex // guards all below
	accepted  acceptances
	searched  map[string]bool // files of which every mutant was found
	survivors int             // that are not accepted
	failed    error           // the first error of the tool itself
}

// target tries the mutants of a target.
func (h *hunt) target(ctx context.Context, t *target) error {
	sources, mutants, err := t.load(ctx, h.dir)
	if err != nil {
		return err
	}
	for name := range sources {
		h.searched[name] = true
	}
	for i := range mutants {
		h.accepted.note(&mutants[i], notTried)
	}
	if h.list {
		for i := range mutants {
			h.print("%s", mutants[i].place())
		}
		return h.failed
	}
	var packages []string
	for _, s := range sources {
		packages = append(packages, s.pkg)
	}
	slices.Sort(packages)
	for i := range t.stages {
		if err := t.stages[i].measure(ctx, h.dir, h.temp, slices.Compact(packages)); err != nil {
			return err
		}
	}
	began := time.Now()
	counts := h.tryAll(ctx, t, sources, h.choose(mutants))
	h.print("%s: %s, in %s", strings.Join(t.paths, " "), counts.summary(len(mutants)), time.Since(began).Round(time.Second))
	return errors.Join(h.failed, ctx.Err())
}

// choose returns all mutants in the order of the lines, or a sample in an order by chance:
// it may be that there is no time for all of it.
func (h *hunt) choose(mutants []mutant) []*mutant {
	order := make([]int, len(mutants))
	for i := range order {
		order[i] = i
	}
	if h.sample > 0 && h.sample < len(order) {
		random := rand.New(rand.NewPCG(h.seed, 0))
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		order = order[:h.sample]
	}
	chosen := make([]*mutant, len(order))
	for i, n := range order {
		chosen[i] = &mutants[n]
	}
	return chosen
}

// tryAll tries mutants, several batches at once, until the time is up.
func (h *hunt) tryAll(ctx context.Context, t *target, sources map[string]*source, mutants []*mutant) *counts {
	var c counts
	var group sync.WaitGroup
	next := make(chan []*mutant)
	for range h.jobs {
		temp, err := os.MkdirTemp(h.temp, "")
		if err != nil {
			h.mu.Lock()
			h.fail(err)
			h.mu.Unlock()
			break
		}
		group.Go(func() {
			for mutants := range next {
				b := batch{hunt: h, target: t, sources: sources, temp: temp, counts: &c}
				b.try(ctx, mutants)
			}
		})
	}
	for _, batch := range batches(mutants) {
		if h.over(ctx) {
			break
		}
		next <- batch
	}
	close(next)
	group.Wait()
	return &c
}

// over reports whether no other mutant is tried.
func (h *hunt) over(ctx context.Context) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return ctx.Err() != nil || h.failed != nil || h.time > 0 && time.Since(h.began) >= h.time
}
