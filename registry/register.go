package registry

import (
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// registrations are those that wait for the keeper while it saves. Whoever gets it next
// makes them all, and one save is enough for them: many nodes that start at once do not
// wait for the disk one after the other, and do not keep the heartbeats of others waiting.
type registrations struct {
	mu      sync.Mutex // guards waiting
	waiting []*registration
}

// registration is one, and what became of it, which Registry.mu guards.
type registration struct {
	asked membership.Registration
	done  bool
	keeper.Registered
}

// add has a registration wait.
func (q *registrations) add(asked membership.Registration) *registration {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := &registration{asked: asked}
	q.waiting = append(q.waiting, p)
	return p
}

// take returns all that wait, which no longer do.
func (q *registrations) take() []*registration {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.waiting
	q.waiting = nil
	return list
}

// register registers a node, together with all others that ask now.
func (r *Registry) register(asked membership.Registration) (keeper.Registered, error) {
	mine := r.registrations.add(asked)
	err := r.keep(func(k *keeper.Keeper, now time.Duration) error {
		if mine.done {
			return nil
		}
		list := r.registrations.take()
		asked := make([]membership.Registration, 0, len(list))
		for _, p := range list {
			asked = append(asked, p.asked)
		}
		for i, became := range k.Register(now, asked...) {
			list[i].Registered, list[i].done = became, true
		}
		return nil
	})
	if err != nil {
		return keeper.Registered{}, err
	}
	return mine.Registered, mine.Err
}
