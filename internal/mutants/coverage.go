package main

import (
	"fmt"
	"path"
	"strings"
)

// coverage is which parts of the files the tests of a stage have run.
type coverage map[string][]block // by the name that the profile has: of package and file

// block is a part of a file, from the first byte to the one behind the last.
type block struct {
	from, to place
	ran      bool
}

// place is a line and a column, both from 1.
type place struct{ line, column int }

func (p place) before(q place) bool {
	return p.line < q.line || p.line == q.line && p.column < q.column
}

// parseCoverage reads a profile of go test.
func parseCoverage(text string) (coverage, error) {
	c := make(coverage)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "mode:") {
			continue
		}
		name, rest, found := cutLast(strings.TrimSpace(line), ":")
		var b block
		var statements, count int
		_, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.from.line, &b.from.column, &b.to.line, &b.to.column, &statements, &count)
		if !found || err != nil {
			return nil, fmt.Errorf("a line of the coverage profile cannot be read: %q", line)
		}
		b.ran = count > 0
		c[name] = append(c[name], b)
	}
	return c, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// uses reports whether the tests have a package in them at all.
func (c coverage) uses(importPath string) bool {
	for name := range c {
		if path.Dir(name) == importPath {
			return true
		}
	}
	return false
}

// reaches reports whether the tests may have run a place of a file: the smallest block that
// it lies in was run, or it lies in none, as declarations and the conditions of cases do.
func (c coverage) reaches(importPath string, m *mutant) bool {
	if !c.uses(importPath) {
		return false
	}
	at := place{m.line, m.column}
	var smallest *block
	blocks := c[importPath+"/"+path.Base(m.file)]
	for i := range blocks {
		b := &blocks[i]
		if at.before(b.from) || !at.before(b.to) {
			continue
		}
		if smallest == nil || !b.from.before(smallest.from) && !smallest.to.before(b.to) {
			smallest = b
		}
	}
	return smallest == nil || smallest.ran
}
