package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTargets(t *testing.T) {
	all, err := parseTargets(`
# A comment.
a: ./a -short -run X -seeds 5 ; ./b -timeout=1m
b/c.go b/d.go: ./b -timeout 2s -count=1
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, stages string
		limit        time.Duration // of the last stage
	}{
		{"a", "./a -test.short -test.run X -seeds 5; ./b", time.Minute},
		{"a/x.go", "./a -test.short -test.run X -seeds 5; ./b", time.Minute},
		{"b/d.go", "./b -test.count=1", 2 * time.Second},
		{"b", "./b", 0},
		{"b/e.go", "./b", 0},
		{"e", "./e", 0},
	} {
		got := choose(all, tc.name)
		var stages []string
		for _, s := range got.stages {
			stages = append(stages, strings.TrimSpace(s.pkg+" "+strings.Join(s.flags, " ")))
		}
		if text := strings.Join(stages, "; "); text != tc.stages || got.stages[len(stages)-1].limit != tc.limit || !slices.Equal(got.paths, []string{tc.name}) {
			t.Errorf("%s: %v, %s", tc.name, got.paths, text)
		}
	}
	for _, bad := range []string{"a", "a: ", "a: -short", "a: ./a;", "a: ./a -timeout", "a: ./a -timeout 5"} {
		if got, err := parseTargets(bad + "\n"); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

// TestOurFiles reads the files that the Makefile's target uses.
func TestOurFiles(t *testing.T) {
	targets, err := readTargets("targets.txt", nil)
	if err != nil || len(targets) == 0 {
		t.Errorf("%d targets, %v", len(targets), err)
	}
	for _, target := range targets {
		for _, path := range target.paths {
			if _, err := os.Stat("../../" + path); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := readAccepted("accepted.txt"); err != nil {
		t.Error(err)
	}
}

func TestAccepted(t *testing.T) {
	a, err := parseAccepted("# Why.\nx.go: F: a => b\n\tIt is\n\n\tequal.\nx.go: G: c => d\n  So is this.\ny.go: H: e => f\n\tAnd this.\n")
	if err != nil || len(a) != 3 {
		t.Fatalf("%v, %v", a, err)
	}
	lived, other := &mutant{file: "x.go", function: "F", before: "a", after: "b"}, &mutant{file: "x.go", function: "F", before: "a", after: "c"}
	if !a.note(lived, survived) || a.note(other, survived) {
		t.Error("the first is accepted, the second is not")
	}
	all := func(string) bool { return true }
	if got := a.stale(func(file string) bool { return file == "x.go" }); !slices.Equal(got, []string{"line 6: does not exist any more: x.go: G: c => d"}) {
		t.Errorf("%q", got)
	}
	if got := a.stale(all); len(got) != 2 {
		t.Errorf("%q", got)
	}
	for _, o := range []outcome{killed, timedOut} {
		a.note(lived, o)
		if got := a.stale(all); len(got) != 3 || got[0] != "line 2: is killed now: x.go: F: a => b" {
			t.Errorf("%q", got)
		}
	}
	for _, bad := range []string{"a => b\n", "a => b\nc => d\n\tReason.\n", "a => b\n\tReason.\na => b\n\tReason.\n"} {
		if _, err := parseAccepted(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestCoverage(t *testing.T) {
	c, err := parseCoverage("mode: set\nm/p/f.go:2.10,9.2 3 1\nm/p/f.go:4.5,6.3 1 0\nm/p/g.go:1.1,2.2 1 0\n")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[place]bool{
		{1, 1}: true, {2, 10}: true, {4, 4}: true, {4, 5}: false, {5, 90}: false, {6, 2}: false, {6, 3}: true, {9, 2}: true,
	} {
		if got := c.reaches("m/p", &mutant{file: "p/f.go", line: at.line, column: at.column}); got != want {
			t.Errorf("%v: %v", at, got)
		}
	}
	if c.reaches("m", &mutant{file: "f.go", line: 1, column: 1}) {
		t.Error("tests reach what is not in them")
	}
	for _, bad := range []string{"f.go", "f.go:1.1,2.2 1", "f.go:x"} {
		if _, err := parseCoverage(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
