package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// tryAll tries mutants, several at once, until the time is up.
func (h *hunt) tryAll(ctx context.Context, t *target, sources map[string]*source, mutants []*mutant) *counts {
	var c counts
	var group sync.WaitGroup
	next := make(chan *mutant)
	for range h.jobs {
		temp, err := os.MkdirTemp(h.temp, "")
		if err != nil {
			h.mu.Lock()
			h.fail(err)
			h.mu.Unlock()
			break
		}
		group.Go(func() {
			for m := range next {
				o, err := h.try(ctx, temp, t, sources[m.file], m)
				h.count(&c, m, o, err)
			}
		})
	}
	for _, m := range mutants {
		if ctx.Err() != nil || h.hasFailed() || h.time > 0 && time.Since(h.began) >= h.time {
			break
		}
		next <- m
	}
	close(next)
	group.Wait()
	return &c
}

// try returns what becomes of one mutant. The error says why, or is one of the tool.
func (h *hunt) try(ctx context.Context, temp string, t *target, s *source, m *mutant) (outcome, error) {
	flag, err := overlay(temp, s.path, m.apply(s.text))
	if err != nil {
		return notTried, err
	}
	binary := filepath.Join(temp, "mutant.test")
	built := "" // the package whose tests were compiled
	for i := range t.stages {
		stage := &t.stages[i]
		if !stage.coverage.reaches(s.pkg, m) {
			continue
		}
		if built != stage.pkg {
			err := build(ctx, h.dir, stage.pkg, binary, flag)
			if ctx.Err() != nil {
				return notTried, nil
			}
			if err != nil {
				return notCompiled, err
			}
			built = stage.pkg
		}
		switch err := stage.test(ctx, h.dir, binary, stage.limit); {
		case ctx.Err() != nil:
			return notTried, nil
		case errors.Is(err, errTime):
			return timedOut, err
		case err != nil:
			return killed, err
		}
	}
	if built != "" {
		return survived, nil
	}
	if err := build(ctx, h.dir, s.pkg, binary, flag); err != nil {
		return notCompiled, err
	}
	return unreached, nil
}
