package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/seed-8247e700/dsm/server"
)

// ChildCommand is the argument that makes a program call Child with those that
// follow it, instead of doing what it usually does.
const ChildCommand = "child"

// readyPrefix begins the line in which a child tells its address.
const readyPrefix = "ready "

// childStartTimeout bounds the start of a node, which may have much to load, or
// of a registry.
const childStartTimeout = 2 * time.Minute

// Child is a process of a run with Processes: a registry ("registry", level of
// delivery) or a node ("node", id, address of the registry). It tells its
// address on stdout and ends, cleanly, when stdin does, which is when its
// parent ends, however that happens. Until then it obeys the orders on stdin. An
// interrupt from the keyboard is left to the parent.
func Child(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	signal.Ignore(os.Interrupt)
	ctx, cancel := context.WithTimeout(context.Background(), childStartTimeout)
	defer cancel()
	log := newLogSwitch(stderr)
	var (
		service interface {
			Addr() string
			Close() error
			Done() <-chan struct{}
			Err() error
		}
		err error
	)
	switch {
	case len(args) == 2 && args[0] == "registry":
		service, err = server.StartRegistry(ctx, server.RegistryConfig{
			Listen: loopback, Settings: settings(args[1]), Logger: log.logger,
		})
	case len(args) == 3 && args[0] == "node":
		service, err = server.Start(ctx, server.Config{
			ID: args[1], Registry: args[2], Listen: loopback, Logger: log.logger,
		})
	default:
		return fmt.Errorf("%w: %s %q is for dsmbench itself", ErrConfig, ChildCommand, args)
	}
	if err != nil {
		return err
	}
	log.on()
	if _, err := fmt.Fprintf(stdout, "%s%s\n", readyPrefix, service.Addr()); err != nil {
		return errors.Join(err, service.Close())
	}
	parent := make(chan error, 1)
	go func() { parent <- obey(stdin, stdout, log) }()
	select {
	case err = <-parent:
		return errors.Join(err, service.Close())
	case <-service.Done():
		return service.Err()
	}
}
