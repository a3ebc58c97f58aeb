package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/seed-8247e700/dsm/internal/outlive"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// leaveTimeout bounds how long a node tries to leave before it is stopped. It tries
// for all of that.
const leaveTimeout = 5 * time.Second

// member is what stopping needs of a server.Node.
type member interface {
	ID() string
	Leave(ctx context.Context, force bool) error
	Close() error
	Stop() error
	Done() <-chan struct{}
	Err() error
}

// watch is who ends a node, and when.
type watch struct {
	node   member
	around *surroundings
	broken <-chan struct{} // closed when the node's delivery log has ended by an error
	lament func()          // says so
	warned bool            // that the variables go with the node
}

// untilStopped waits until the node ends by itself, or is told to by a signal
// and has left its group.
func (w *watch) untilStopped(ctx context.Context) error {
	for {
		select {
		case <-w.node.Done():
			return fmt.Errorf("node %s has stopped: %w", w.node.ID(), w.node.Err())
		case <-w.broken:
			w.broken = nil
			w.lament() // and that is all: the variables are worth more
		case <-ctx.Done():
			return w.leave(ctx, nil)
		case sig := <-w.around.signals:
			err := w.leave(ctx, sig)
			if !errors.Is(err, errStays) {
				return err
			}
		}
	}
}

// errStays says that the node goes on: its last member's variables would be
// lost, and somebody is there to be asked.
var errStays = errors.New("the node stays")

// leave takes the node out of its group. A second signal ends the attempt, and the
// node with it. A second SIGHUP does not: it may come from the shell and from the
// kernel for one terminal.
func (w *watch) leave(parent context.Context, sig os.Signal) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), leaveTimeout)
	defer cancel()
	ctx, stop := w.around.interruptibleBy(ctx, func(sig os.Signal) bool { return !outlive.IsHangup(sig) })
	err := w.node.Leave(ctx, false)
	stop()
	hurried := errors.Is(context.Cause(ctx), errInterrupted)
	if err == nil {
		<-w.node.Done()
		return nil
	}
	why, refused := whatIsLost(err)
	switch {
	case refused && sig == os.Interrupt && w.around.attended && !w.warned && !hurried:
		w.warned = true
		w.around.complain("node %s %s; start another node first, or press Ctrl-C again to end this one anyway", w.node.ID(), why)
		return errStays
	case refused:
		w.around.complain("node %s %s; it ends anyway", w.node.ID(), why)
	case hurried:
		return fmt.Errorf("node %s ended at once without leaving its group, which has to notice its silence: %w", w.node.ID(), context.Cause(ctx))
	default:
		if w.node.Stop() != nil {
			return fmt.Errorf("node %s ended without leaving its group, which has to notice its silence: %w", w.node.ID(), err)
		}
		w.around.complain("node %s could not leave its group in time, and has stopped; the group knows: %v", w.node.ID(), err)
		return nil
	}
	if err := w.node.Close(); err != nil {
		return fmt.Errorf("node %s ended without leaving its group, which has to notice its silence: %w", w.node.ID(), err)
	}
	return nil
}

// whatIsLost tells why a node was refused to leave, if it was.
func whatIsLost(err error) (why string, refused bool) {
	switch {
	case errors.Is(err, server.ErrLastMember):
		return "is the last member of its group: if it ends, all variables are lost", true
	case errors.Is(err, registry.ErrMinMembers):
		return "is needed for the group's minimum size: without it writes stop", true
	}
	return "", false
}
