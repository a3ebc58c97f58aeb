// The program that is measured is built without the race detector, which would only take time.

//go:build !race

package main

import (
	"strings"
	"testing"
)

// Bounds of the way of a write: a change that lengthens it has to say so here.
const (
	maxFiles    = 52 // with toRead statements or more
	maxPackages = 14 // of these files
)

func TestWay(t *testing.T) {
	w, err := measure(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files, packages := w.files(toRead)
	if len(files) > maxFiles || len(packages) > maxPackages {
		t.Errorf("a write passes %d files of %d packages; want at most %d and %d:\n%s", len(files), len(packages), maxFiles, maxPackages, w)
	}
	// Where a write has to come by; without them nothing was measured.
	for _, name := range []string{"driver/operation.go", "internal/client/conn.go", "internal/member/turn.go", "internal/store/apply.go", "isis/abcast.go"} {
		if w.statements[name] < toRead {
			t.Errorf("a write runs %d statements in %s", w.statements[name], name)
		}
	}
}

func TestRead(t *testing.T) {
	const profile = `mode: atomic
github.com/seed-8247e700/dsm/a/x.go:1.2,3.4 10 300
github.com/seed-8247e700/dsm/a/x.go:5.2,6.4 1 299
github.com/seed-8247e700/dsm/b/y.go:1.2,3.4 4 300
github.com/seed-8247e700/dsm/b/y.go:9.2,9.4 5 301
github.com/seed-8247e700/dsm/bench/way/writes/main.go:9.2,9.4 50 301
`
	w, err := read(strings.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	const want = `  10  a/x.go

A write runs at least 10 statements in 1 files of 1 packages, and fewer in 1 more:
  b: y.go
`
	if got := w.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := read(strings.NewReader("mode: atomic\na/x.go:1.2,3.4 ten 300\n")); err == nil {
		t.Error("a line without a number was taken")
	}
}
