package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// run keeps the node in its group until it is to stop, and stops it.
func (n *Node) run(ctx context.Context) {
	n.finish(n.incarnations(ctx))
}

// Pauses between incarnations that do not get into a view.
const (
	leastPause = 50 * time.Millisecond
	mostPause  = time.Second
)

// incarnations runs one after another, and returns why there are no more.
func (n *Node) incarnations(ctx context.Context) error {
	r, err := n.register(ctx, true, false)
	pause, served := leastPause, false
	for {
		if err != nil {
			return err
		}
		reason := n.live(ctx, r)
		if ctx.Err() != nil || r.reader.Leaving() {
			return ErrClosed
		}
		if errors.Is(reason, ErrConfig) && (!served || !errors.Is(reason, member.ErrAdvertised)) {
			n.withdraw(ctx, r)
			return reason // no later incarnation would do better, unless it is the network that has changed
		}
		if d := r.next; d != nil {
			// The same incarnation goes on, in a generation that has just begun.
			r, err = n.newReplica(ctx, r.self.Incarnation, d)
			continue
		}
		select {
		case <-r.joined:
			pause, served = leastPause, true
		default:
			if client.Sleep(ctx, pause) != nil {
				return ErrClosed
			}
			pause = min(2*pause, mostPause)
		}
		r, err = n.register(ctx, false, served)
	}
}

// withdraw frees the id at once, for a node that is started again with what was
// wrong put right. Without it the id is free once the registry misses the node.
func (n *Node) withdraw(ctx context.Context, r *replica) {
	ctx, cancel := context.WithTimeout(ctx, r.detection())
	defer cancel()
	req := leaveRequest{r.from(), false, configError(r.reason).Error()}
	if err := insist(ctx, func() error { return askToLeave(ctx, n.client, req) }); err != nil {
		r.log.Warn(staysInView, "err", err)
	}
}

// finish gives up what the node holds, the proof that it runs last.
func (n *Node) finish(reason error) {
	n.cancel()
	err := n.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	err = errors.Join(err, n.conns.Close())
	n.background.Wait()
	if n.tells.Load() {
		n.untold = n.tellStopped()
	}
	n.client.Close()
	if err = errors.Join(err, n.identity.close()); err != nil {
		n.log.Error("stopping", "err", err)
	}
	n.err = reason
	close(n.done)
}

// registryPatience is how long a node that starts looks for its registry.
const registryPatience = 5 * time.Second

// register announces the node to the registry and returns its new incarnation.
// At the first start it gives up after a while; later it never does. A node that has
// not served yet does not wait for its id if that belongs to one that lives.
func (n *Node) register(ctx context.Context, first, served bool) (*replica, error) {
	var holder predecessor
	req := membership.Registration{
		ID: n.cfg.ID, PeerAddr: n.cfg.Advertise, ClientAddr: n.cfg.Advertise,
		Group: n.identity.last.Group, ProvedDead: n.identity.provedDead(),
		FeatureLevel: n.cfg.level,
	}
	for wait := leastPause; ; wait = min(2*wait, mostPause) {
		callCtx, cancel := context.WithTimeout(ctx, registryPatience)
		incarnation, d, err := n.client.Register(callCtx, req)
		cancel()
		switch {
		case err == nil && req.Group != 0 && d.Group != req.Group:
			err = fmt.Errorf("%w: the request names group %x, the answer group %x", registry.ErrOtherGroup, req.Group, d.Group)
			if first {
				return nil, err
			}
		case err == nil:
			return n.newReplica(ctx, incarnation, d)
		case ctx.Err() != nil:
			return nil, ErrClosed
		case errors.Is(err, registry.ErrOtherGroup) && first && req.Group != 0:
			// A node that starts has no state and may join any group; what it can
			// prove is about another one.
			n.log.Warn("the registry serves another group than the one this node was in before: joining that group", "err", err)
			req.Group, req.ProvedDead = 0, 0
			continue
		case errors.Is(err, registry.ErrIDInUse) && !served:
			if wait, err = holder.refused(n, err); err != nil {
				return nil, err
			}
			if client.Sleep(ctx, wait) != nil {
				return nil, ErrClosed
			}
			continue
		case first:
			return nil, err
		}
		n.log.Warn("the registry does not accept this node again yet", "err", err)
		if client.Sleep(ctx, wait) != nil {
			return nil, ErrClosed
		}
	}
}
