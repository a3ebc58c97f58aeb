package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/seed-8247e700/dsm/driver"
)

// hook runs a shell command for each event that is about a variable.
type hook struct {
	s       *surroundings
	command string
	dsn     string // of the group, for the command
}

// commandError is why a command of --exec failed.
type commandError struct{ err error }

func (e *commandError) Error() string { return e.err.Error() }
func (e *commandError) Unwrap() error { return e.err }

// lastChance is how long a command has to end after a signal, before it is killed.
const lastChance = 5 * time.Second

// event runs the command and waits until it has ended. If ctx ends, so does the command.
func (h *hook) event(ctx context.Context, e *driver.Event) error {
	if !isChange(e.Kind) && e.Kind != driver.EventInitial {
		return nil
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", h.command)
	cmd.Env = append(withoutEvent(os.Environ()), h.environment(e)...)
	cmd.Stdin = bytes.NewReader(e.Data)
	cmd.Stdout, cmd.Stderr = h.s.beneath(h.s.stdout), h.s.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = lastChance
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // something that it has started goes on
		return nil
	}
	return &commandError{fmt.Errorf("the command of --exec failed for %s of %q at position %d: %w", e.Kind, e.Key, e.Position, err)}
}

// beneath returns the file to which a writer writes, so that a command writes to it by
// itself, or the writer if there is none.
func (s *surroundings) beneath(w io.Writer) io.Writer {
	if i, ok := w.(*interruptibleWriter); ok {
		return i.w
	}
	return w
}

// Names of what a command is given.
const (
	eventVariable    = "DSM_EVENT"
	positionVariable = "DSM_POSITION"
	keyVariable      = "DSM_KEY"
	keyBytesVariable = "DSM_KEY_BASE64"
	valueVariable    = "DSM_VALUE"
	oldVariable      = "DSM_OLD"
)

// mostInEnvironment bounds a value in the environment: Linux has no room for one of 128
// KiB.
const mostInEnvironment = 64 << 10

// environment is what a command sees of an event.
func (h *hook) environment(e *driver.Event) []string {
	env := []string{dsnVariable + "=" + h.dsn, eventVariable + "=" + e.Kind.String(), positionVariable + "=" + decimal(e.Position)}
	if strings.Contains(e.Key, "\x00") {
		env = append(env, keyBytesVariable+"="+base64.StdEncoding.EncodeToString([]byte(e.Key)))
	} else {
		env = append(env, keyVariable+"="+e.Key)
	}
	if e.Version != 0 && fitsEnvironment(e.Data) {
		env = append(env, valueVariable+"="+string(e.Data))
	}
	if e.Old.Version != 0 && fitsEnvironment(e.Old.Data) {
		env = append(env, oldVariable+"="+string(e.Old.Data))
	}
	return env
}

func fitsEnvironment(value []byte) bool {
	return len(value) <= mostInEnvironment && bytes.IndexByte(value, 0) < 0
}

// withoutEvent returns an environment without what an outer watch has put there.
func withoutEvent(env []string) []string {
	return slices.DeleteFunc(env, func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return slices.Contains([]string{eventVariable, positionVariable, keyVariable, keyBytesVariable, valueVariable, oldVariable}, name)
	})
}
