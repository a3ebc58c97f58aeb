package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// Exit statuses.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitConflict    = 4
	exitUnavailable = 5
	exitUnknown     = 6
	exitUnwell      = 7
	exitGone        = 8
	exitNoTTL       = 9
	exitSignal      = 128 // and the signal's number
)

// outcome is what an exit status says.
type outcome struct {
	status  int
	code    string // the status as JSON errors name it
	meaning string
}

// outcomes are all of them. The help of dsm, the README and docs/json.md list
// them too, which a test compares.
var outcomes = []outcome{
	{exitOK, "", "done"},
	{exitFailure, "failed", "failed; the message says what was done"},
	{exitUsage, "usage", "the command line is wrong; nothing was done"},
	{exitNotFound, "not_found", "there is no such variable (get, del, ttl, expire, persist) or session (sessions)"},
	{exitConflict, "conflict", "the variable has another version, or a condition does not hold (cas, set, append, txn)"},
	{exitUnavailable, "unavailable", "no server, or no registry, answered; nothing was changed"},
	{exitUnknown, "outcome_unknown", "the outcome of a write is not known"},
	{exitUnwell, "unwell", "the group answered, and is not well (status, registry status)"},
	{exitGone, "gone", "what is asked for lies too far back: no server keeps it any more (scan, count, watch)"},
	{exitNoTTL, "no_ttl", "the variable has no TTL (ttl)"},
	{exitSignal, "interrupted", "and the signal's number, 130 for SIGINT, 143 for SIGTERM: a signal ended the command; nothing was changed"},
}

// codeOf is the name of an exit status.
func codeOf(status int) string {
	if status > exitSignal {
		status = exitSignal
	}
	for _, o := range outcomes {
		if o.status == status {
			return o.code
		}
	}
	return ""
}

// outcomesHelp lists the exit statuses.
func outcomesHelp() string {
	var b strings.Builder
	for _, o := range outcomes {
		line := fmt.Sprintf("\n  %-3d %s", o.status, o.meaning)
		if at := strings.Index(line, ": a signal"); at > 0 { // it is long
			line = line[:at] + ":\n      " + line[at+2:]
		}
		b.WriteString(line)
	}
	return b.String()
}

// errDone is wrapped by errors that come after a write was made.
var errDone = errors.New("the write is done")

// errUnreachable is wrapped by errors of commands that found no server.
var errUnreachable = errors.New("no server answers")

// errUnwell is wrapped by errors of commands that show how a group is, and have
// shown that it is not well.
var errUnwell = errors.New("the group is not well")

// usageError is an error of the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef returns a usageError. Its text names the flag or the argument.
func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// exitStatus finds the status for an error. That the outcome of a write is not
// known comes first, whatever else is true.
func exitStatus(err error) int {
	var usage *usageError
	var interrupted *interruption
	if errors.As(err, &interrupted) && !errors.Is(err, driver.ErrOutcomeUnknown) && !errors.Is(err, errDone) {
		return interrupted.exitStatus()
	}
	for _, row := range []struct {
		is   bool
		code int
	}{
		{errors.Is(err, errDone), exitFailure},
		{errors.As(err, &usage), exitUsage},
		{errors.Is(err, driver.ErrOutcomeUnknown), exitUnknown},
		{errors.Is(err, driver.ErrInvalidKey), exitUsage},
		{errors.Is(err, driver.ErrNotFound), exitNotFound},
		{errors.Is(err, driver.ErrConflict), exitConflict},
		{errors.Is(err, driver.ErrSnapshotGone), exitGone},
		{errors.Is(err, driver.ErrLagged), exitGone},
		{errors.Is(err, errNoTTL), exitNoTTL},
		{errors.Is(err, driver.ErrUnavailable), exitUnavailable},
		{errors.Is(err, wire.ErrMagic), exitUnavailable},
		{errors.Is(err, client.ErrNotRegistry), exitUnavailable},
		{errors.Is(err, registry.ErrUnreachable), exitUnavailable},
		{errors.Is(err, registry.ErrDegraded), exitUnavailable},
		{errors.Is(err, errUnreachable), exitUnavailable},
		{errors.Is(err, errUnwell), exitUnwell},
		{errors.Is(err, server.ErrLastMember), exitFailure},
	} {
		if row.is {
			return row.code
		}
	}
	return exitFailure
}

// plain is an error's text without the names of packages, which only
// programmers need.
func plain(err error) string {
	text := err.Error()
	for _, prefix := range []string{"driver: ", "client: ", "registry: ", "server: ", "configuration: "} {
		text = strings.TrimPrefix(text, prefix)
		// Within a text they begin what another error wraps. Where they are words of
		// a sentence no colon or parenthesis stands before them.
		text = strings.NewReplacer(": "+prefix, ": ", "("+prefix, "(", "\n"+prefix, "\n").Replace(text)
	}
	return text
}
