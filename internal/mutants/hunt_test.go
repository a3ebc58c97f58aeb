package main

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// module writes the module that the tests change, and returns its directory.
func module(t *testing.T) (dir string) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/module.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := txtar.Write(archive, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lines runs the command, and returns its lines in order, without times.
func lines(t *testing.T, args ...string) ([]string, error) {
	t.Helper()
	var out strings.Builder
	err := run(t.Context(), append([]string{"-C", module(t), "-accepted", "accepted.txt", "-targets", "targets.txt", "-jobs", "2"}, args...), &out)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	slices.Sort(lines)
	for i := range lines {
		lines[i] = regexp.MustCompile(`, in \d+m?\d*s$`).ReplaceAllString(lines[i], "")
	}
	return lines, err
}

// TestHunt tries all mutants of a small package, of which some survive.
func TestHunt(t *testing.T) {
	got, err := lines(t, "-v")
	if err == nil || !strings.Contains(err.Error(), "not accepted: 1, lines of accepted.txt that are out of date: 3;") {
		t.Errorf("error: %v", err)
	}
	want := []string{
		"accepted.txt, line 4: is killed now: count/count.go: Counter.Add: c.n++ => (nothing)",
		"accepted.txt, line 6: does not exist any more: count/count.go: Counter.Add: c.m++ => (nothing)",
		"accepted.txt, line 8: does not exist any more: count/gone.go: Counter.Add: c.n++ => (nothing)",
		"count: 12 mutants, 8 killed (0 by time), 2 survive (1 unreached, 1 accepted), 2 do not compile, 0 not tried",
		`does not compile: count/count.go:28: Name: return "none" => (no body)`,
		`does not compile: count/count.go:30: Name: return "some" => (no body)`,
		"killed: count/count.go:12: Counter.Add: if c.n >= 3 { => if c.n < 3 {",
		"killed: count/count.go:12: Counter.Add: if c.n >= 3 { => if c.n > 3 {",
		"killed: count/count.go:12: Counter.Add: if c.n >= 3 { => if c.n >= 2 {",
		"killed: count/count.go:12: Counter.Add: if c.n >= 3 { => if c.n >= 3 {}",
		"killed: count/count.go:13: Counter.Add: return false => return true",
		"killed: count/count.go:15: Counter.Add: c.n++ => (nothing)",
		"killed: count/count.go:16: Counter.Add: return true => return false",
		"killed: count/count.go:21: Counter.Reset: c.n = 0 => (nothing)",
		"survives unreached: count/count.go:36: Counter.Tries: return max(c.tries, 0) => return min(c.tries, 0)",
		"survives, accepted: count/count.go:11: Counter.Add: c.tries++ => (nothing)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestPartOfAHunt holds that what is not tried counts neither as killed nor as gone.
func TestPartOfAHunt(t *testing.T) {
	got, err := lines(t, "-time", "1ns", "-sample", "5", "count/count.go")
	want := "count/count.go: 12 mutants, 0 killed (0 by time), 0 survive (0 unreached, 0 accepted), 0 do not compile, 12 not tried"
	if err == nil || !slices.Contains(got, want) || strings.Contains(strings.Join(got, "\n"), "c.tries++") {
		t.Errorf("%v\ngot\n%s\nwant\n%s", err, strings.Join(got, "\n"), want)
	}
}

func TestList(t *testing.T) {
	got, err := lines(t, "-accepted", "none.txt", "-list", "user")
	want := []string{"user/user.go:9: Used: for c.Add() { => for !c.Add() {", "user/user.go:11: Used: c.Reset() => (nothing)"}
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\ngot\n%s", err, strings.Join(got, "\n"))
	}
}

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{
		{"-jobs", "0"}, {"-sample", "-1"}, {"-time", "-1s"}, {"no/such"}, {"count/count_test.go"}, {"-C", "testdata/no"},
	} {
		if got, err := lines(t, args...); err == nil {
			t.Errorf("%v: %v", args, got)
		}
	}
}

// TestEndsInTime holds that tests that never end do.
func TestEndsInTime(t *testing.T) {
	dir := module(t)
	binary := filepath.Join(t.TempDir(), "count.test")
	if err := build(t.Context(), dir, "./count", binary); err != nil {
		t.Fatal(err)
	}
	s := stage{pkg: "./count", flags: []string{"-test.run=Blocks"}}
	if err := s.test(t.Context(), dir, binary, time.Millisecond, 0); !errors.Is(err, errTime) {
		t.Errorf("got %v", err)
	}
	s.flags = []string{"-test.run=Name"}
	if err := s.test(t.Context(), dir, binary, time.Hour, 0); err != nil {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.test(ended, dir, binary, time.Hour, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSample(t *testing.T) {
	mutants := make([]mutant, 100)
	for i := range mutants {
		mutants[i].line = i
	}
	chosen := func(n int, seed uint64) (numbers []int) {
		h := &hunt{settings: &settings{sample: n, seed: seed}}
		for _, m := range h.choose(mutants) {
			numbers = append(numbers, m.line)
		}
		return numbers
	}
	for n, want := range map[int]int{0: 100, 1: 1, 10: 10, 99: 99, 100: 100, 200: 100} {
		got := chosen(n, 1)
		if inOrder := slices.Sorted(slices.Values(got)); len(got) != want || len(slices.Compact(inOrder)) != want {
			t.Errorf("%d of 100: %v", n, got)
		}
	}
	if !slices.Equal(chosen(10, 1), chosen(10, 1)) || slices.Equal(chosen(10, 1), chosen(10, 2)) {
		t.Errorf("the sample must depend on the seed alone: %v, %v, %v", chosen(10, 1), chosen(10, 1), chosen(10, 2))
	}
}
