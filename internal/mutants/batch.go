package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// batch tries mutants that are compiled together.
type batch struct {
	*hunt
	target  *target
	sources map[string]*source
	temp    string // a directory of its own
	counts  *counts
}

// try tries mutants, and counts what becomes of them.
func (b *batch) try(ctx context.Context, mutants []*mutant) {
	flag, err := b.overlay(mutants)
	if err != nil {
		b.broken(err)
		return
	}
	binary := filepath.Join(b.temp, "mutant.test")
	built := "" // the package whose tests were compiled
	left := slices.Clone(mutants)
	reached := make(map[*mutant]bool)
	for i := range b.target.stages {
		stage := &b.target.stages[i]
		todo := slices.DeleteFunc(slices.Clone(left), func(m *mutant) bool {
			return !stage.coverage.reaches(b.sources[m.file].pkg, m)
		})
		if len(todo) == 0 {
			continue
		}
		if built != stage.pkg {
			if !b.build(ctx, mutants, built != "", stage.pkg, binary, flag) {
				return
			}
			built = stage.pkg
		}
		if i == 0 && !b.passes(ctx, mutants, stage, binary) {
			return
		}
		for _, m := range todo {
			if b.over(ctx) {
				return
			}
			reached[m] = true
			if b.kills(ctx, stage, binary, m) {
				left = slices.DeleteFunc(left, func(l *mutant) bool { return l == m })
			}
		}
	}
	if b.over(ctx) || built == "" && !b.build(ctx, mutants, false, b.sources[mutants[0].file].pkg, binary, flag) {
		return
	}
	for _, m := range left {
		if reached[m] {
			b.count(b.counts, m, survived)
		} else {
			b.count(b.counts, m, unreached)
		}
	}
}

// build compiles the tests of a package with the mutants. If that fails it tries each half
// of them, and reports false. Those that were compiled before are at fault no more.
func (b *batch) build(ctx context.Context, mutants []*mutant, before bool, pkg, binary, flag string) bool {
	err := build(ctx, b.dir, pkg, binary, flag)
	switch {
	case err == nil:
		return true
	case ctx.Err() != nil:
	case before:
		b.broken(err)
	case len(mutants) == 1:
		b.count(b.counts, mutants[0], notCompiled)
	default:
		b.try(ctx, mutants[:len(mutants)/2])
		b.try(ctx, mutants[len(mutants)/2:])
	}
	return false
}

// passes reports whether the tests pass with no mutant switched on, as they must.
func (b *batch) passes(ctx context.Context, mutants []*mutant, s *stage, binary string) bool {
	if mutants[0].alone {
		return true
	}
	err := s.test(ctx, b.dir, binary, s.limit, 0)
	if err != nil && ctx.Err() == nil {
		b.broken(fmt.Errorf("the tests of %s fail with no mutant switched on: %w", s.pkg, err))
	}
	return err == nil
}

// kills reports whether the tests notice a mutant, and counts it then.
func (b *batch) kills(ctx context.Context, s *stage, binary string, m *mutant) bool {
	err := s.test(ctx, b.dir, binary, s.limit, m.number)
	switch {
	case err == nil || ctx.Err() != nil:
		return false
	case errors.Is(err, errTime):
		b.count(b.counts, m, timedOut)
	default:
		b.count(b.counts, m, killed)
	}
	return true
}

// broken ends the hunt for an error of the tool itself.
func (b *batch) broken(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail(err)
}

// overlay writes the files with the mutants, and returns the go command's flag.
func (b *batch) overlay(mutants []*mutant) (flag string, err error) {
	files := make(map[string][]byte)
	for name, s := range b.sources {
		var here []*mutant
		for _, m := range mutants {
			if m.file == name {
				here = append(here, m)
			}
		}
		if len(here) > 0 {
			files[s.path] = apply(s.text, here)
			files[filepath.Join(filepath.Dir(s.path), switchName)] = switchSource(s.name)
		}
	}
	return overlay(b.temp, files)
}
