package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

const (
	module = "github.com/seed-8247e700/dsm/"

	// writes is how many are made. What runs as often as that runs for each of them:
	// nothing else is as frequent.
	writes = 300

	// toRead is the number of statements from which on a file has to be read.
	toRead = 10
)

// way has the statements that each write runs, by file.
type way struct {
	statements map[string]int
}

// read takes a profile in the text format of go tool cover: a line for each block of
// statements, "file:from,to statements count".
func read(r io.Reader) (*way, error) {
	w := &way{statements: map[string]int{}}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "mode: ") {
			continue
		}
		name, block, ok := strings.Cut(line, ":")
		var place string
		var statements, count int
		if _, err := fmt.Sscan(block, &place, &statements, &count); !ok || err != nil {
			return nil, fmt.Errorf("a line of the profile is %q", line)
		}
		name = strings.TrimPrefix(name, module)
		if count >= writes && !strings.HasPrefix(name, "bench/way/") {
			w.statements[name] += statements
		}
	}
	return w, lines.Err()
}

// files returns the files with at least so many statements, in order, and their
// packages.
func (w *way) files(least int) (files, packages []string) {
	for _, name := range slices.Sorted(maps.Keys(w.statements)) {
		if w.statements[name] >= least {
			files = append(files, name)
			packages = append(packages, path.Dir(name))
		}
	}
	slices.Sort(packages)
	return files, slices.Compact(packages)
}

// String lists the files by their packages.
func (w *way) String() string {
	var b strings.Builder
	all, packages := w.files(1)
	few := map[string][]string{}
	for _, dir := range packages {
		for _, name := range all {
			switch n := w.statements[name]; {
			case path.Dir(name) != dir:
			case n < toRead:
				few[dir] = append(few[dir], path.Base(name))
			default:
				fmt.Fprintf(&b, "%4d  %s\n", n, name)
			}
		}
	}
	files, packagesToRead := w.files(toRead)
	fmt.Fprintf(&b, "\nA write runs at least %d statements in %d files of %d packages", toRead, len(files), len(packagesToRead))
	fmt.Fprintf(&b, ", and fewer in %d more:\n", len(all)-len(files))
	for _, dir := range slices.Sorted(maps.Keys(few)) {
		fmt.Fprintf(&b, "  %s: %s\n", dir, strings.Join(few[dir], " "))
	}
	return b.String()
}
