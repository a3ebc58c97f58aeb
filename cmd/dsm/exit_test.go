package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/registry"
)

func TestExitStatus(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{errors.New("anything"), exitFailure},
		{usagef("--flag: %w", errors.New("bad")), exitUsage},
		{about("", driver.ErrInvalidKey), exitUsage},
		{about("k", driver.ErrNotFound), exitNotFound},
		{about("k", &driver.ConflictError{Key: "k", Version: 3}), exitConflict},
		{about("k", driver.ErrNotInteger), exitFailure},
		{about("k", driver.ErrTooLarge), exitFailure},
		{fmt.Errorf("%w: in time", driver.ErrUnavailable), exitUnavailable},
		{fmt.Errorf("%w: position 7", driver.ErrSnapshotGone), exitGone},
		{&driver.LaggedError{Resume: 7}, exitGone},
		{fmt.Errorf("%w: gone", registry.ErrUnreachable), exitUnavailable},
		{fmt.Errorf("%w: on a broken disk", registry.ErrDegraded), exitUnavailable},
		{fmt.Errorf("%w at all", errUnreachable), exitUnavailable},
		{fmt.Errorf("%w: id in use", registry.ErrIDInUse), exitFailure},
		// The worst that is true counts.
		{fmt.Errorf("%w: %w", driver.ErrOutcomeUnknown, driver.ErrClosed), exitUnknown},
		{fmt.Errorf("%w: %w", driver.ErrSessionExpired, driver.ErrOutcomeUnknown), exitUnknown},
		{&interruption{syscall.SIGINT}, 130},
		{fmt.Errorf("%w, nothing was done: %w", &interruption{syscall.SIGTERM}, driver.ErrUnavailable), 143},
		{fmt.Errorf("%w: %w", &interruption{syscall.SIGTERM}, driver.ErrOutcomeUnknown), exitUnknown},
		{fmt.Errorf("%w, but that cannot be shown: %w", errDone, &interruption{syscall.SIGTERM}), exitFailure},
	} {
		if got := exitStatus(test.err); got != test.want {
			t.Errorf("%v: status %d, want %d", test.err, got, test.want)
		}
	}
}

func TestPlain(t *testing.T) {
	err := fmt.Errorf("server: %w", errors.New("configuration: no such thing"))
	if got := plain(err); got != "no such thing" {
		t.Errorf("it reads %q", got)
	}
	err = fmt.Errorf("driver: no server could do it (client: connecting to server: server: %w)", errors.New("client: refused\nregistry: away"))
	if got, want := plain(err), "no server could do it (connecting to server: refused\naway)"; got != want {
		t.Errorf("it reads %q, want %q", got, want)
	}
}

// What cannot be written is told, whoever writes it, and nobody blames the command
// line.
func TestUnwritten(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"get", "--help"}, {"help", "get"}, {}, {"--version"}, {"version"}, {"version", "-o", "json"}, {"completion", "bash"}} {
		full, writer := io.Pipe()
		if err := full.CloseWithError(syscall.ENOSPC); err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		s := &surroundings{stdin: strings.NewReader(""), stdout: writer, stderr: &stderr}
		if got := run(t.Context(), args, s); got != exitFailure || !strings.Contains(stderr.String(), "no space left on device") || strings.Contains(stderr.String(), "--help") {
			t.Errorf("dsm %q: status %d, and on stderr %q", args, got, stderr.String())
		}
	}
}
