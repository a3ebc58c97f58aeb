package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-8247e700/dsm/registry/membership"
)

// step changes the group, saves what must be saved, and tells whom it
// concerns. An error other than ErrDegraded is the change's own refusal.
func (r *Registry) step(change func(now time.Duration) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stepLocked(change)
}

func (r *Registry) stepLocked(change func(now time.Duration) error) error {
	if r.problem != nil {
		return r.problem
	}
	refusal := change(r.clock.Now())
	if err := r.saveLocked(); err != nil {
		return err
	}
	r.tellLocked()
	return refusal
}

// tellLocked tells of what has changed, once it is saved.
func (r *Registry) tellLocked() {
	for _, e := range r.group.TakeEvents() {
		r.logEvent(e)
	}
	if revision := r.group.Revision(); revision != r.told {
		r.told = revision
		r.wakeLocked()
	}
}

func (r *Registry) wakeLocked() {
	for _, w := range r.watchers {
		w.wake()
	}
}

// saveLocked brings the group's state into the store. If that fails the group
// has gone further than the store, perhaps, so nothing is told and nothing is
// changed any more until the state is saved; a restart goes on from what the
// store has.
func (r *Registry) saveLocked() error {
	state, unsaved := r.group.Unsaved()
	if !unsaved {
		return nil
	}
	if err := r.store.save(state); err != nil {
		if r.problem == nil {
			r.log.Error("the state could not be saved; every change is refused until it can: make room or repair the disk", "err", err)
		}
		r.problem = fmt.Errorf("%w: %w; every change is refused until it can, and it tries every second: make room or repair the disk", ErrDegraded, err)
		r.tried = r.clock.Now()
		r.wakeLocked()
		return r.problem
	}
	r.group.Saved()
	return nil
}

// saveInterval is how often a registry tries to save what it could not.
const saveInterval = time.Second

// saveAgain repeats a save that has failed, and goes on once it succeeds. The
// change that could not be saved holds then: its sender does not know whether it
// does, and nobody was told otherwise.
func (r *Registry) saveAgain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !errors.Is(r.problem, ErrDegraded) || r.clock.Now()-r.tried < saveInterval || r.saveLocked() != nil {
		return
	}
	r.problem = nil
	r.log.Info("the state is saved again: changes are taken")
	r.tellLocked()
}

func (r *Registry) logEvent(e membership.Event) {
	level := slog.LevelInfo
	var attrs []any
	if e.Node.ID != "" {
		attrs = append(attrs, "node", e.Node.String(), "peer_addr", e.Node.PeerAddr)
	}
	if len(e.View.Members) > 0 {
		attrs = append(attrs, "view", e.View.ID, "prev", e.View.Prev, "members", fmt.Sprint(e.View.Members))
	}
	if e.Leader.ID != "" {
		attrs = append(attrs, "leader", e.Leader.String())
	}
	if e.Reason != "" {
		attrs = append(attrs, "reason", e.Reason)
	}
	switch e.Kind {
	case membership.EventNewGeneration:
		level = slog.LevelError
		attrs = append(attrs, "generation", e.Generation, "positions_above", e.Base)
	case membership.EventNoGeneration:
		level = slog.LevelError
	case membership.EventAttemptFailed, membership.EventProvedDead, membership.EventBaseIgnored, membership.EventLeaveRefused:
		level = slog.LevelWarn
	case membership.EventRegister, membership.EventAttempt, membership.EventCommit,
		membership.EventDepart, membership.EventLeave:
	}
	r.log.Log(context.Background(), level, string(e.Kind), attrs...)
}
