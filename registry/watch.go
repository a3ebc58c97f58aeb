package registry

import (
	"context"
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
	"github.com/seed-8247e700/dsm/registry/registrypb"
)

// watch sends a directive at once and at every change that concerns the node, until the
// node is excluded, opens another watch, goes away, or the registry stops. One that has
// changed several times while send was under way is sent once.
func (r *Registry) watch(ctx context.Context, from membership.From, send func(*registrypb.Directive) error) error {
	changed := make(chan struct{}, 1)
	var w *keeper.Watch
	err := r.keep(func(k *keeper.Keeper, _ time.Duration) error {
		w = k.Watch(from, func() {
			select {
			case changed <- struct{}{}:
			default: // it has not looked since the last time
			}
		})
		return nil
	})
	if err != nil {
		return err
	}
	defer r.unwatch(w)
	for {
		excluded, err := r.sendNext(w, send)
		if excluded || errors.Is(err, keeper.ErrReplaced) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.stopping:
			return ErrClosed
		}
	}
}

// sendNext sends what is new to a watch, if anything is, and reports whether the node is
// excluded.
func (r *Registry) sendNext(w *keeper.Watch, send func(*registrypb.Directive) error) (excluded bool, err error) {
	var next *membership.Directive
	err = r.keep(func(k *keeper.Keeper, _ time.Duration) (err error) {
		next, err = k.Next(w)
		return err
	})
	if err != nil || next == nil {
		return false, err
	}
	return next.Excluded, send(directiveProto(*next))
}

func (r *Registry) unwatch(w *keeper.Watch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keeper.Unwatch(w)
}
