package registry

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// watcher is one open watch. It holds no queue: a wake-up says that there may
// be something new, and the newest directive is computed when the reader is
// ready for it.
type watcher struct {
	changed  chan struct{} // capacity 1
	replaced chan struct{} // closed when the same node opened another watch
}

func (w *watcher) wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// watch sends a directive at once and at every change that concerns the node,
// until the node is excluded, opens another watch, goes away, or the registry
// stops.
func (r *Registry) watch(ctx context.Context, from membership.From, send func(*registrypb.Directive) error) error {
	w := r.addWatcher(from.Incarnation)
	defer r.removeWatcher(from.Incarnation, w)
	var last *registrypb.Directive
	for {
		next, err := r.directive(from)
		if err != nil {
			return err
		}
		if !sameDirective(last, next) {
			if err := send(next); err != nil {
				return err
			}
			last = next
		}
		if next.GetExcluded() {
			return nil
		}
		select {
		case <-w.changed:
		case <-w.replaced:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-r.stopping:
			return ErrClosed
		}
	}
}

// directive returns what to tell a node now.
func (r *Registry) directive(from membership.From) (*registrypb.Directive, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.problem != nil {
		return nil, r.problem
	}
	d, err := r.group.Directive(from, r.group.ViewOf(from))
	if err != nil {
		return nil, err
	}
	return directiveProto(d), nil
}

// addWatcher makes w the one watch of the node, so that there are never more
// watches than nodes.
func (r *Registry) addWatcher(incarnation uint64) *watcher {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.watchers[incarnation]; old != nil {
		close(old.replaced)
	}
	w := &watcher{changed: make(chan struct{}, 1), replaced: make(chan struct{})}
	r.watchers[incarnation] = w
	return w
}

func (r *Registry) removeWatcher(incarnation uint64, w *watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watchers[incarnation] == w {
		delete(r.watchers, incarnation)
	}
}

// sameDirective tells whether nothing but the revision, or the words about
// what a joiner waits for, differs.
func sameDirective(a, b *registrypb.Directive) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := proto.CloneOf(a), proto.CloneOf(b)
	x.Revision, y.Revision = 0, 0
	x.Reason, y.Reason = "", ""
	return proto.Equal(x, y)
}
