package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// Leave takes the node out of its group and stops it: it finishes what its
// clients have submitted, sends them to other nodes, and has the registry make a
// view without it. The last member's variables exist nowhere else: it refuses
// with ErrLastMember, and goes on, unless force is set. A registry that is away, or
// cannot save its state, or has another view change to make first, is asked again
// until ctx ends. After an error the node is still running, unless it is ErrClosed: then Close
// or Stop has stopped it meanwhile, and not all was finished.
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
			return n.left()
		}
		if err := r.leave(ctx, force); err != nil {
			return err
		}
		select {
		case <-n.done:
			return n.left()
		case <-newer: // it came back before it was told to leave
		}
	}
}

// leaves is how a replica asks the registry to let it go.
type leaves struct {
	asked   chan leaveRequest     // one at a time
	refused chan refusal          // the registry does not let the node go; has room for one
	last    atomic.Pointer[error] // the last answer, nil: none
}

// leaveRequest is a question to the registry.
type leaveRequest struct {
	from   membership.From
	force  bool
	reason string
}

// refusal is why the registry does not let a node go.
type refusal struct{ err error }

// refuse tells whoever has the node leave that the registry refuses. There is room: a
// leave that is refused has ended, and the next one begins with an empty channel.
func (l *leaves) refuse(err error) { l.refused <- refusal{err} }

// leaving is what clients of a node that leaves are told.
func (r *replica) leaving() string { return "node " + r.self.ID + " is leaving" }

// leave returns once the replica has ended, or with the reason why it goes on: a
// refusal that stands, or the end of ctx. Until then the registry is asked again, since
// whatever else keeps it from letting the node go may pass.
func (r *replica) leave(ctx context.Context, force bool) error {
	l := &r.leaves
	r.do(func(m *member.Member) {
		select {
		case <-l.refused: // from before
		default:
		}
		l.last.Store(nil)
		m.Leave(force)
	})
	select {
	case <-r.ended:
		return nil
	case refused := <-l.refused:
		if errors.Is(refused.err, registry.ErrLastMember) {
			return fmt.Errorf("%w: %w", ErrLastMember, refused.err)
		}
		return fmt.Errorf("server: leaving: %w", refused.err)
	case <-ctx.Done():
		if !r.do(func(m *member.Member) { m.Stay() }) {
			return nil
		}
		last := l.last.Load()
		if last == nil {
			return fmt.Errorf("server: leaving: commands submitted to this node are not done yet: %w", ctx.Err())
		}
		return fmt.Errorf("server: leaving: %w: %w", ctx.Err(), *last)
	}
}

// errNotLetGo says that the registry knows the wish to leave, and has not made a
// view without the node.
var errNotLetGo = errors.New("the registry has made no view without this node yet")

// askTime bounds one question to the registry. One that gets no answer costs its
// connection, and the next one gets a fresh one.
const askTime = time.Second

// asks asks the registry what the member wants asked, and takes the answers to it.
func (r *replica) asks(ctx context.Context, client registryClient) {
	var trouble leaveTrouble
	for {
		var req leaveRequest
		select {
		case <-ctx.Done():
			return
		case req = <-r.leaves.asked:
		}
		err := askToLeave(ctx, client, req)
		if ctx.Err() != nil {
			return
		}
		last := err
		if last == nil {
			last = errNotLetGo
		}
		r.leaves.last.Store(&last)
		trouble.tell(r, err)
		r.post(func(m *member.Member) { m.LeaveAnswered(err) })
	}
}

// askToLeave asks the registry once.
func askToLeave(ctx context.Context, client registryClient, req leaveRequest) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return client.Leave(ctx, req.from, req.force, req.reason)
}

// leaveTrouble is what the log has been told of why the registry does not let a node go.
type leaveTrouble struct {
	leaving bool // of a node that is to leave
	last    error
	told    time.Time // of a node whose state is damaged
}

// tell logs the answer to a question, if it is due.
func (t *leaveTrouble) tell(r *replica, err error) {
	d := r.reader.Damage()
	switch {
	case r.reader.Leaving():
		if err != nil && !t.leaving && !errors.Is(err, registry.ErrLastMember) && !member.Stands(err) {
			t.leaving = true
			r.log.Warn("leaving: the registry has made no view without this node yet, retrying", "err", err)
		}
		return
	case d != nil && err != nil && (!sameKind(err, t.last) || time.Since(t.told) >= troubleInterval):
		t.told = time.Now()
		r.log.Error(staysDamaged(err), "damage", d.Err, "err", err)
	}
	t.leaving, t.last = false, err
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
		return "the state is damaged and no other member has it: this node continues to serve its copy, and no node can join; " +
			"set or delete the damaged variable, the damage is gone once an audit has covered all of the state; " +
			"or save what is needed and begin a new generation"
	case errors.Is(err, registry.ErrMinMembers):
		return "the state is damaged and the group's minimum size keeps this node in it: it refuses clients; " +
			"start another node, and this one leaves and loads the state again"
	default:
		return "the state is damaged and the registry has made no view without this node yet: it refuses clients and retries"
	}
}
