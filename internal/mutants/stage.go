package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// outcome is what became of a mutant.
type outcome int

const (
	notTried outcome = iota
	notCompiled
	killed
	timedOut // killed, too
	survived
	unreached // survived, since no test runs it
)

// maxTestMemory bounds what a test may allocate: a loop that does not end any more may
// append for ever.
const maxTestMemory = 4 << 30

// limited runs a command with that bound, where the system has it.
const limited = `ulimit -v "$0" 2>/dev/null; exec "$@"`

// build compiles the tests of a package to a file, without what only debuggers read.
func build(ctx context.Context, dir, pkg, binary string, flags ...string) error {
	args := append([]string{"test", "-c", "-vet=off", "-ldflags=-w", "-o", binary}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, text)
	}
	return nil
}

// errTime is returned if tests take too long.
var errTime = errors.New("the tests were stopped at their time limit")

// test runs the tests of a stage in the directory of their package. Its binary must be
// compiled already; number is that of the mutant which is switched on.
func (s *stage) test(ctx context.Context, dir, binary string, limit time.Duration, number int, flags ...string) error {
	// The binary ends itself and says where it was, or is killed somewhat later.
	within, stop := context.WithTimeout(ctx, limit+limit/4+5*time.Second)
	defer stop()
	args := []string{"-c", limited, strconv.Itoa(maxTestMemory / 1024), binary, "-test.failfast", "-test.timeout", limit.String()}
	args = append(append(args, flags...), s.flags...)
	cmd := exec.CommandContext(within, "sh", args...)
	cmd.Dir = filepath.Join(dir, filepath.FromSlash(s.pkg))
	// What fails is a mutant: rapid must not keep it in the checkout for later runs.
	cmd.Env = append(os.Environ(), variable+"="+strconv.Itoa(number), "RAPID_NOFAILFILE=1")
	cmd.WaitDelay = time.Second // a process that the tests have started may hold the output
	text, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return nil
	case within.Err() != nil, strings.Contains(string(text), "panic: test timed out after"):
		return errTime
	default:
		return fmt.Errorf("%w\n%s", err, text)
	}
}

// measure runs the tests without a change, for their time and for what they reach of
// packages. They must pass.
func (s *stage) measure(ctx context.Context, dir, temp string, packages []string) error {
	binary, profile := filepath.Join(temp, "measured.test"), filepath.Join(temp, "profile")
	if err := build(ctx, dir, s.pkg, binary, "-covermode=set", "-coverpkg="+strings.Join(packages, ",")); err != nil {
		return err
	}
	began := time.Now()
	limit := s.limit
	if limit == 0 {
		limit = 10 * time.Minute
	}
	if err := s.test(ctx, dir, binary, limit, 0, "-test.coverprofile="+profile); err != nil {
		return fmt.Errorf("the tests of %s must pass before anything is changed: %w", s.pkg, err)
	}
	s.took = time.Since(began)
	if s.limit == 0 {
		s.limit = 5*time.Second + 5*s.took
	}
	text, err := os.ReadFile(profile)
	if err != nil {
		return err
	}
	s.coverage, err = parseCoverage(string(text))
	return err
}

// overlay writes changed files, and the file that has the go command read them in the
// place of the originals. It returns the go command's flag.
func overlay(temp string, files map[string][]byte) (flag string, err error) {
	replace := make(map[string]string)
	for original, changed := range files {
		name := filepath.Join(temp, fmt.Sprintf("%d_%s", len(replace), filepath.Base(original)))
		if err := os.WriteFile(name, changed, 0o600); err != nil {
			return "", err
		}
		replace[original] = name
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list := filepath.Join(temp, "overlay.json")
	return "-overlay=" + list, os.WriteFile(list, text, 0o600)
}
