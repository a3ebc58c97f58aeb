package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// target is what is changed, and the tests that should notice.
type target struct {
	paths  []string // of packages, and of files that end in .go
	stages []stage
}

// stage is the tests of one package.
type stage struct {
	pkg   string
	flags []string      // of the test's binary
	limit time.Duration // 0 if none is given

	took     time.Duration // without a change
	coverage coverage
}

// readTargets returns the targets of a file that args name, or all of them. A package
// or file that the file does not have is tried by the tests of its own package. The
// file may be missing.
func readTargets(name string, args []string) ([]target, error) {
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all, err := parseTargets(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(args) == 0 {
		return all, nil
	}
	var chosen []target
	for _, arg := range args {
		chosen = append(chosen, choose(all, path.Clean(arg)))
	}
	return chosen, nil
}

// choose returns the target that changes one package or file only.
func choose(all []target, name string) target {
	dir := name
	if strings.HasSuffix(name, ".go") {
		dir = path.Dir(name)
	}
	for _, wanted := range []string{name, dir} {
		for _, t := range all {
			if slices.Contains(t.paths, wanted) {
				return target{paths: []string{name}, stages: slices.Clone(t.stages)}
			}
		}
	}
	return target{paths: []string{name}, stages: []stage{{pkg: "./" + dir}}}
}

// parseTargets reads lines such as
//
//	internal/member: ./internal/member -short; ./server -run Lease -timeout 1m
//
// Lines that begin with # are comments.
func parseTargets(text string) ([]target, error) {
	var targets []target
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		paths, tests, found := strings.Cut(line, ": ")
		if !found {
			return nil, fmt.Errorf("line %d: want paths, a colon, and tests separated by semicolons", number)
		}
		t := target{paths: strings.Fields(paths)}
		for text := range strings.SplitSeq(tests, ";") {
			s, err := parseStage(text)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			t.stages = append(t.stages, s)
		}
		targets = append(targets, t)
	}
	return targets, lines.Err()
}

// testFlags are those of go test that the binary of a test knows as -test.NAME.
var testFlags = []string{"short", "count", "cpu", "parallel", "run", "skip"}

// parseStage reads a package and the flags of its tests, as go test has them. Flags
// that go test does not know are the test's own.
func parseStage(text string) (stage, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "-") {
		return stage{}, fmt.Errorf("%q: want a package, and then flags of its tests", text)
	}
	s := stage{pkg: fields[0]}
	for i := 1; i < len(fields); i++ {
		name, value, _ := strings.Cut(strings.TrimPrefix(fields[i], "-"), "=")
		switch {
		case name == "timeout" && value == "" && i+1 < len(fields):
			i++
			value = fields[i]
			fallthrough
		case name == "timeout":
			limit, err := time.ParseDuration(value)
			if err != nil {
				return stage{}, fmt.Errorf("-timeout: %w", err)
			}
			s.limit = limit
		case strings.HasPrefix(fields[i], "-") && slices.Contains(testFlags, name):
			s.flags = append(s.flags, "-test."+strings.TrimPrefix(fields[i], "-"))
		default:
			s.flags = append(s.flags, fields[i])
		}
	}
	return s, nil
}
