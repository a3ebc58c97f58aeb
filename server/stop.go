package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/registry"
)

// Close leaves the group, even as its last member, and stops the node. What clients have
// submitted and is not done within Config.LeaveTimeout is given up, and the node stops as by
// Stop, but by force: its group may become smaller than its minimum. If the registry cannot be
// told either, the error is that of leaving.
func (n *Node) Close() error {
	n.closeOnce.Do(func() {
		close(n.closing)
		ctx, cancel := context.WithTimeout(context.Background(), n.cfg.LeaveTimeout)
		defer cancel()
		err := n.Leave(ctx, true)
		if err == nil {
			n.cancel()
		} else if n.halt(true) != nil {
			n.closeErr = err
		}
	})
	<-n.done
	return n.closeErr
}

// Stop stops the node without leaving its group, and then tells the registry, so that the
// group goes on at once, if it is large enough. What clients have submitted and is not done
// ends as in a crash, and a Leave that waits for it fails. It is what is left after Leave has
// failed for good. If the registry cannot be told within the detection time, or
// Config.LeaveTimeout if that is less, Stop returns why: the group has to notice the node's silence.
func (n *Node) Stop() error {
	n.closeOnce.Do(func() {
		close(n.closing)
		n.closeErr = n.halt(false)
	})
	<-n.done
	return n.closeErr
}

// halt stops the node and has the registry told, or returns why that cannot be.
func (n *Node) halt(force bool) error {
	n.forced = force
	n.tells.Store(true)
	n.cancel()
	<-n.done
	return n.untold
}

// tellStopped tells the registry that this node, which has stopped, is not to be waited for.
func (n *Node) tellStopped() error {
	r := n.current.Load()
	if r == nil {
		return nil // it never was in the group
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(r.detection(), n.cfg.LeaveTimeout))
	defer cancel()
	from := r.from()
	from.Generation = 0 // any
	err := insist(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		return n.client.Stopped(ctx, from, n.forced)
	})
	if errors.Is(err, registry.ErrUnknownNode) {
		err = nil // it is in the group no more
	}
	if err != nil {
		n.log.Warn(staysInView, "err", err)
		return fmt.Errorf("server: telling the registry that node %s has stopped: %w", n.cfg.ID, err)
	}
	n.log.Warn("stopped without leaving: the registry knows, and the group does not wait for this node")
	return nil
}

// staysInView is what the log says of a node whose registry could not be told of its end.
const staysInView = "stopped without leaving: the registry has to notice the silence of this node"

// left returns nil for a node that has ended as it was to, by leaving or because it was in no
// view, and an error for one that was stopped meanwhile.
func (n *Node) left() error {
	if n.tells.Load() {
		return fmt.Errorf("server: leaving: %w: it was stopped before what clients had submitted was done", ErrClosed)
	}
	return nil
}

// insist asks the registry until its answer stands, or ctx ends.
func insist(ctx context.Context, ask func() error) error {
	err := ask()
	for err != nil && !member.Stands(err) && !errors.Is(err, registry.ErrUnknownNode) && client.Sleep(ctx, askAgain) == nil {
		err = ask()
	}
	return err
}

// askAgain is how long a node that stops waits before it asks the registry again.
const askAgain = 200 * time.Millisecond

// kill stops the node without a word to anyone, as a crash would.
func (n *Node) kill() {
	n.closeOnce.Do(func() {
		close(n.closing)
		n.cancel()
	})
	<-n.done
}
