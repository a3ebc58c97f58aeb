package keeper

import (
	"cmp"
	"errors"
	"slices"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// ErrReplaced ends a watch whose node has opened another one.
var ErrReplaced = errors.New("the node has opened another watch")

// Watch is one node's wish to hear of what is new. It holds no queue: what the node is
// given is how things are when it asks.
type Watch struct {
	from     membership.From
	wake     func()
	last     *membership.Directive // that the node was given
	replaced bool
}

// Watch begins a watch, in place of an earlier one of the same incarnation, so that there
// are never more watches than nodes. Next has news at once; wake is called whenever it may
// have more. wake must neither block nor call the Keeper.
func (k *Keeper) Watch(from membership.From, wake func()) *Watch {
	w := &Watch{from: from, wake: wake}
	i, found := k.find(from.Incarnation)
	if !found {
		k.watches = slices.Insert(k.watches, i, w)
		return w
	}
	before := k.watches[i]
	k.watches[i], before.replaced = w, true
	before.wake()
	return w
}

// Unwatch ends a watch.
func (k *Keeper) Unwatch(w *Watch) {
	if i, found := k.find(w.from.Incarnation); found && k.watches[i] == w {
		k.watches = slices.Delete(k.watches, i, i+1)
	}
}

// Watching returns the watch of an incarnation, nil if it has none.
func (k *Keeper) Watching(incarnation uint64) *Watch {
	if i, found := k.find(incarnation); found {
		return k.watches[i]
	}
	return nil
}

func (k *Keeper) find(incarnation uint64) (int, bool) {
	return slices.BinarySearchFunc(k.watches, incarnation, func(w *Watch, incarnation uint64) int {
		return cmp.Compare(w.from.Incarnation, incarnation)
	})
}

// wake wakes all watches.
func (k *Keeper) wake() {
	for _, w := range k.watches {
		w.wake()
	}
}

// Next returns what the watch's node has to know, nil if it was given that before. An
// error ends the watch: ErrReplaced, ErrDegraded, or what membership refuses the node for.
// So does a directive that excludes the node.
func (k *Keeper) Next(w *Watch) (*membership.Directive, error) {
	switch {
	case w.replaced:
		return nil, ErrReplaced
	case k.problem != nil:
		return nil, k.problem
	}
	d, err := k.group.Directive(w.from, k.group.ViewOf(w.from))
	if err != nil {
		return nil, err
	}
	if w.last != nil && (d.Same(w.last) || planted.On(planted.WedgeLost) && d.Attempt != nil && w.last.Attempt != nil) {
		return nil, nil //nolint:nilnil // there is nothing new, and that is no error
	}
	w.last = &d
	return &d, nil
}
