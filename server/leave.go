package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Leave takes the node out of its group and stops it: it finishes what its
// clients have submitted, sends them to other nodes, and has the registry make a
// view without it. The last member's variables exist nowhere else: it refuses
// with ErrLastMember, and goes on, unless force is set. A registry that is away, or
// cannot save its state, or has another view change to make first, is asked again
// until ctx ends. After an error the node is still running.
func (n *Node) Leave(ctx context.Context, force bool) error {
	select {
	case n.leaver <- struct{}{}:
		defer func() { <-n.leaver }()
	case <-ctx.Done():
		return fmt.Errorf("server: leaving: %w", ctx.Err())
	}
	for {
		r, newer := n.incarnation()
		if r == nil || r.over() {
			n.cancel() // it is in no view, and shall not come back
			<-n.done
			return nil
		}
		r.leaving.Store(true)
		if err := r.leave(ctx, n.client, force); err != nil {
			r.leaving.Store(false)
			r.do(func() { r.core.DeliverSafely(false) })
			return err
		}
		select {
		case <-n.done:
			return nil
		case <-newer: // it came back before it was told to leave
		}
	}
}

// over tells whether the replica has ended.
func (r *replica) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// leaveAgain is how often the registry is asked to let a node go until it has.
// It forgets that when it is restarted, and when others have gone meanwhile.
const leaveAgain = 200 * time.Millisecond

// leaves is what clients of a node that leaves are told.
func (r *replica) leaves() string { return "node " + r.self.ID + " is leaving" }

// leave returns once the replica has ended, or with the reason why it goes on: a
// refusal that stands, or the end of ctx. Until then it asks again, since whatever
// else keeps the registry from letting the node go may pass.
func (r *replica) leave(ctx context.Context, client registryClient, force bool) error {
	for _, c := range r.clients.all(false) {
		c.goAway(r.leaves())
	}
	if err := r.finishWrites(ctx); err != nil {
		return fmt.Errorf("server: leaving: what was submitted to this node is not done: %w", err)
	}
	from := r.from()
	from.Generation = 0 // any
	last, warned := errNotLetGo, false
	for {
		err := r.askToLeave(ctx, client, from, force, "left")
		switch {
		case r.over():
			return nil
		case err == nil:
			last = errNotLetGo
		case errors.Is(err, registry.ErrLastMember):
			return fmt.Errorf("%w: %w", ErrLastMember, err)
		case standsForever(err) || planted.On(planted.LeaveGivesUp):
			return fmt.Errorf("server: leaving: %w", err)
		case ctx.Err() == nil:
			last = err
			if !warned {
				warned = true
				r.log.Warn("leaving: the registry does not let this node go yet, trying again", "err", err)
			}
		}
		select {
		case <-r.ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("server: leaving: %w: %w", ctx.Err(), last)
		case <-time.After(leaveAgain):
		}
	}
}

// errNotLetGo says that the registry knows the wish to leave, and has not made a
// view without the node.
var errNotLetGo = errors.New("the registry has made no view without this node yet")

// askTime bounds one question to the registry. One that gets no answer costs its
// connection, and the next one gets a fresh one.
const askTime = time.Second

// askToLeave asks the registry once.
func (r *replica) askToLeave(ctx context.Context, client registryClient, from membership.From, force bool, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return client.Leave(ctx, from, force, reason)
}

// standsForever reports whether a refusal to let a node go is not going to change by
// itself.
func standsForever(err error) bool {
	return errors.Is(err, registry.ErrMinMembers) || errors.Is(err, registry.ErrOtherGroup) || errors.Is(err, registry.ErrInvalid)
}

// finishWrites waits until nothing submitted here is under way. From then on
// nothing is: a leaving node takes no more.
func (r *replica) finishWrites(ctx context.Context) error {
	for {
		idle := false
		if !r.do(func() {
			r.core.DeliverSafely(true)
			idle = r.core.Idle()
		}) || idle {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Close leaves the group, even as its last member, and stops the node. When the
// registry cannot be told in time it stops all the same and returns the error:
// the group will notice the node's silence.
func (n *Node) Close() error {
	n.closeOnce.Do(func() {
		close(n.closing)
		ctx, cancel := context.WithTimeout(context.Background(), n.cfg.LeaveTimeout)
		defer cancel()
		n.closeErr = n.Leave(ctx, true)
		n.cancel()
	})
	<-n.done
	return n.closeErr
}

// Stop stops the node at once, without leaving its group, which notices its silence.
// It is what is left after Leave has failed for good.
func (n *Node) Stop() { n.kill() }

// kill stops the node without a word to anyone, as a crash would.
func (n *Node) kill() {
	n.closeOnce.Do(func() {
		close(n.closing)
		n.cancel()
	})
	<-n.done
}
