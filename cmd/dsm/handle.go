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
	"github.com/seed-8247e700/dsm/internal/wire"
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
	format
}

func (t *target) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.dsn, "dsn", "", "the group's `servers`, dsm://host:port,host:port, or its registry, dsm+registry://host:port (default $"+dsnVariable+", or "+defaultDSN+")")
	f.DurationVar(&t.timeout, "timeout", 5*time.Second, "`time` after which the command gives up")
	t.format.addFlags(cmd)
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
	name, _, err := t.parse()
	if err != nil {
		return err
	}
	db, err := driver.Open(name)
	if err != nil {
		return &usageError{err}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), t.timeout)
	defer cancel()
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
	case errors.Is(err, wire.ErrMagic):
		return notThisProtocol(name, err)
	case errors.Is(err, driver.ErrUnavailable) && interrupted:
		return fmt.Errorf("%w, nothing was done: %w", context.Cause(ctx), err)
	case errors.Is(err, driver.ErrUnavailable):
		return fmt.Errorf("%s did not answer within %v, nothing was done; check that a server runs there, or name others with --dsn: %w", name, t.timeout, err)
	default:
		return err
	}
}

// notThisProtocol adds to the error of a handshake with what is no server what
// it may be instead: a registry's address in a name for servers is an easy
// mistake.
func notThisProtocol(name string, err error) error {
	rest, forServers := strings.CutPrefix(name, "dsm://")
	if !forServers || !errors.Is(err, wire.ErrMagic) {
		return err
	}
	return fmt.Errorf("what listens at %s is no dsm server, nothing was done; if it is the registry, write dsm+registry://%s: %w", name, rest, err)
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
		return saying(err, "%q has version %d: nothing was changed; get it again, and decide anew", key, conflict.Version)
	case errors.Is(err, driver.ErrNotInteger):
		return saying(err, "%q holds no decimal integer of 64 bits: nothing was changed", key)
	case errors.Is(err, driver.ErrOverflow):
		return saying(err, "the sum in %q would not fit 64 bits: nothing was changed", key)
	case errors.Is(err, driver.ErrInvalidKey):
		return saying(err, "KEY has %d bytes: it must have 1 to 1024, of which the first is not zero", len(key))
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
