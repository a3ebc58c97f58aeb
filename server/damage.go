package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry"
)

// errDamaged is why a replica ends whose state is damaged. The node comes back as a new
// incarnation and loads the state of another member.
var errDamaged = errors.New("server: the state is damaged")

// damage is what a replica knows of its own state being damaged: bytes in its memory are
// not what the group's order wrote there. It never changes.
type damage struct {
	err error // what is damaged

	// alone: no other member has the state, or none that may be left alone with it. The
	// replica goes on serving what it has.
	alone bool
}

// damagedBy takes note that the state is damaged. The replica refuses its clients from
// here on and has itself taken out of the view, in good order: it still takes part in the
// protocol, so that the others need not wait until they miss it. Owner only.
func (r *replica) damagedBy(err error) {
	if before := r.damage.Load(); before != nil {
		r.state.Load().Suspect()
		if before.alone {
			r.log.Error("more of the only copy of the state is damaged", "damage", err)
		}
		return
	}
	r.damage.Store(&damage{err: err})
	r.state.Load().Suspect()
	if r.core.Phase() == isis.Observing && !r.core.CutAcknowledged() {
		r.log.Error("the state that was loaded is damaged: loading it again", "damage", err)
		r.fail(fmt.Errorf("%w: %w", errDamaged, err))
		return
	}
	r.log.Error("the state is damaged: refusing clients, leaving the group, and loading the state of another member", "damage", err)
	r.bar()
	select {
	case r.reload <- struct{}{}:
	default:
	}
}

// bar refuses clients until unbar, lease or not. Owner only.
func (r *replica) bar() {
	r.leases.barred = true
	r.renewLease()
	if r.leases.held {
		r.lapse()
	}
	for _, c := range r.clients.all(false) {
		c.goAway(r.isDamaged())
	}
}

// unbar lets the replica serve while it has a lease. Owner only.
func (r *replica) unbar() {
	r.leases.barred = false
	r.renewLease()
}

// isDamaged is what clients and joiners of a damaged replica are told.
func (r *replica) isDamaged() string {
	if d := r.damage.Load(); d != nil {
		return fmt.Sprintf("node %s has a damaged state and loads it again: %v", r.self.ID, d.err)
	}
	return ""
}

// reloads waits until the state is found to be damaged, and has the registry make a view
// without this member. The replica ends when that is told. It goes on as the only
// member: then nobody has a better copy.
func (r *replica) reloads(ctx context.Context, client registryClient) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.reload:
		}
		r.leaveDamaged(ctx, client)
	}
}

// aloneAgain is how often the registry is asked whether another member has the state.
const aloneAgain = time.Second

// leaveDamaged asks the registry to let the damaged replica go, until it has, or until
// the state is whole again.
func (r *replica) leaveDamaged(ctx context.Context, client registryClient) {
	var told time.Time
	var last error
	for {
		d := r.damage.Load()
		if d == nil {
			return
		}
		callCtx, cancel := context.WithTimeout(ctx, r.detection())
		err := client.Leave(callCtx, r.from(), false, d.err.Error())
		cancel()
		if ctx.Err() != nil {
			return
		}
		alone := errors.Is(err, registry.ErrLastMember)
		if known := alone || err == nil || errors.Is(err, registry.ErrMinMembers); known && d.alone != alone {
			r.do(func() { r.setAlone(d, alone) })
		}
		if err != nil && (!sameKind(err, last) || time.Since(told) >= troubleInterval) {
			told = time.Now()
			r.log.Error(staysDamaged(err), "damage", d.err, "err", err)
		}
		last = err
		wait := leaveAgain
		if alone {
			wait = aloneAgain
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// setAlone notes whether this damaged replica is the only one that has the state. Owner
// only.
func (r *replica) setAlone(d *damage, alone bool) {
	if !r.damage.CompareAndSwap(d, &damage{err: d.err, alone: alone}) {
		return // it is whole again
	}
	if alone {
		r.unbar()
	} else {
		r.log.Error("the state is damaged, and another member has it: refusing clients, leaving the group, and loading it from there", "damage", d.err)
		r.bar()
	}
}

// verify has the store verify another slice of the audit's share. Owner only.
func (r *replica) verify() {
	if r.failed != nil {
		return
	}
	s := r.state.Load()
	if err := s.Verify(); err != nil {
		r.damagedBy(err)
		return
	}
	if d := r.damage.Load(); d != nil && d.alone && s.CleanPasses() > 0 {
		r.damage.Store(nil)
		r.log.Info("the state is whole again: what was damaged has been written or deleted since", "damage", d.err)
	}
}

// sameKind reports whether both are the same trouble with leaving.
func sameKind(a, b error) bool {
	return errors.Is(a, registry.ErrLastMember) == errors.Is(b, registry.ErrLastMember) &&
		errors.Is(a, registry.ErrMinMembers) == errors.Is(b, registry.ErrMinMembers) && (a == nil) == (b == nil)
}

// staysDamaged is what the log says when a damaged replica cannot leave.
func staysDamaged(err error) string {
	switch {
	case errors.Is(err, registry.ErrLastMember):
		return "the state is damaged and no other member has it: this node goes on serving its copy, and nobody can join; " +
			"set or delete the damaged variable, and the state is whole once an audit has been over all of it; " +
			"or save what is needed and begin a new generation"
	case errors.Is(err, registry.ErrMinMembers):
		return "the state is damaged and the group's minimum size keeps this node in it: it refuses clients; " +
			"start another node, and this one leaves and loads the state again"
	default:
		return "the state is damaged and the registry does not let this node go yet: it refuses clients and asks again"
	}
}
