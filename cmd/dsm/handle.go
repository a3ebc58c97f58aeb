package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/client"
)

// dsnVariable is the environment variable that stands in for --dsn.
const dsnVariable = "DSM_DSN"

// defaultDSN is where servers are looked for when nothing is said.
const defaultDSN = "dsm://127.0.0.1:7000"

// target is where a client command finds its group, and how it shows what it
// was told.
type target struct {
	dsn     string
	timeout time.Duration
	wait    bool
	format
}

func (t *target) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.dsn, "dsn", "", "the group's `servers`, dsm://host:port,host:port, or its registry, dsm+registry://host:port (default $"+dsnVariable+", or "+defaultDSN+")")
	f.DurationVar(&t.timeout, "timeout", 5*time.Second, "`time` after which the command gives up")
	f.BoolVar(&t.wait, "wait", false, "retry until --timeout if no server can be reached, instead of failing at once")
	t.format.addFlags(cmd)
}

// failFast is a name by which a handle fails as soon as it is certain that there is
// no server, unless the name or --wait says otherwise.
func (t *target) failFast(name string) string {
	if _, query, _ := strings.Cut(name, "?"); t.wait || strings.Contains(query, "fail_fast=") {
		return name
	} else if query == "" {
		return strings.TrimSuffix(name, "?") + "?fail_fast=true"
	}
	return name + "&fail_fast=true"
}

// parse checks the flags and takes the data source name apart. source is what
// it was given by.
func (t *target) parse() (name string, dsn client.DSN, err error) {
	if t.timeout <= 0 {
		return "", client.DSN{}, usagef("--timeout %v: must be above 0, such as 5s", t.timeout)
	}
	if err := t.check(); err != nil {
		return "", client.DSN{}, err
	}
	source := "--dsn"
	if client.TrimAddress(t.dsn) == "" {
		source = dsnVariable
	}
	name = cmp.Or(client.TrimAddress(t.dsn), client.TrimAddress(os.Getenv(dsnVariable)), defaultDSN)
	if dsn, err = client.ParseDSN(name); err != nil {
		return "", client.DSN{}, usagef("%s: %w", source, err)
	}
	return name, dsn, nil
}

// with calls fn with a handle on the group, and a context that ends with the
// timeout or with that of cmd, which a signal ends.
func (t *target) with(cmd *cobra.Command, s *surroundings, fn func(context.Context, *driver.DB) error) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), t.timeout)
	defer cancel()
	return t.within(ctx, s, fn)
}

// within is with for a context that ends when the command gives up.
func (t *target) within(ctx context.Context, s *surroundings, fn func(context.Context, *driver.DB) error) error {
	name, _, err := t.parse()
	if err != nil {
		return err
	}
	db, err := driver.Open(t.failFast(name))
	if err != nil {
		return &usageError{err}
	}
	err = t.explain(ctx, name, fn(ctx, db))
	// What was done stays done, whatever becomes of the connection.
	if closeErr := db.Close(); closeErr != nil {
		s.complain("closing the connection: %s", plain(closeErr))
	}
	return err
}

// explain adds to an error what the user can do about it.
func (t *target) explain(ctx context.Context, name string, err error) error {
	interrupted := errors.Is(context.Cause(ctx), errInterrupted)
	switch {
	case errors.Is(err, driver.ErrOutcomeUnknown):
		return fmt.Errorf("%w; read the variable to see whether the write took effect", err)
	case errors.Is(err, driver.ErrProtocol):
		return fmt.Errorf("%w; nothing was done", err)
	case errors.Is(err, driver.ErrUnavailable) && interrupted:
		return fmt.Errorf("%w, nothing was done: %w", context.Cause(ctx), err)
	case errors.Is(err, driver.ErrUnavailable) && ctx.Err() == nil:
		return fmt.Errorf("no server can be reached at %s, nothing was done; check that one runs there, name others with --dsn, or use --wait: %w", name, err)
	case errors.Is(err, driver.ErrUnavailable):
		return fmt.Errorf("%s did not answer within %v, nothing was done; check that a server runs there, or name others with --dsn: %w", name, t.timeout, err)
	default:
		return err
	}
}

// about turns the errors of an operation on a variable into what a person would
// say of it.
func about(key string, err error) error {
	var conflict *driver.ConflictError
	switch {
	case err == nil || errors.Is(err, driver.ErrOutcomeUnknown):
		return err
	case errors.Is(err, driver.ErrNotFound):
		return saying(err, "there is no variable %q", key)
	case errors.As(err, &conflict) && conflict.Version == 0:
		return saying(err, "%q does not exist: nothing was changed; give --version 0 to create it", key)
	case errors.As(err, &conflict):
		return saying(err, "%q has version %d: nothing was changed; read it again before you retry", key, conflict.Version)
	case errors.Is(err, driver.ErrNotInteger):
		return saying(err, "%q holds no decimal integer of 64 bits: nothing was changed", key)
	case errors.Is(err, driver.ErrOverflow):
		return saying(err, "the sum in %q would not fit 64 bits: nothing was changed", key)
	case errors.Is(err, driver.ErrInvalidKey):
		return saying(err, "KEY has %d bytes: it must have 1 to 1024, of which the first is not zero", len(key))
	case errors.Is(err, driver.ErrQuota):
		return saying(err, "%v: nothing was changed; delete variables, or raise --quota-bytes or --quota-variables of the registry", err)
	case errors.Is(err, driver.ErrTooLarge):
		return saying(err, "the value for %q is larger than the group allows, 1 MiB by default: nothing was changed", key)
	}
	return err
}

// saidError is an error in other words.
type saidError struct {
	text string
	err  error
}

func (e *saidError) Error() string { return e.text }
func (e *saidError) Unwrap() error { return e.err }

func saying(err error, format string, args ...any) error {
	return &saidError{text: fmt.Sprintf(format, args...), err: err}
}
