package keeper

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// ErrDegraded means: the registry could not save its state and refuses changes until it
// can. Whether a change that was just under way holds then is unknown, but no node has
// been told of it.
var ErrDegraded = errors.New("registry cannot save its state")

// Store keeps a state for the registry that is started next.
type Store interface {
	// Save returns once the state survives a crash. If it returns an error, the state
	// may survive all the same.
	Save(state membership.State) error
}

// Told hears of what happens, for a log. Its methods must not call the Keeper.
type Told interface {
	// Event is called for each event, once what it tells of is saved.
	Event(e *membership.Event)

	// Degraded is called when the state cannot be saved, Recovered when it is again.
	Degraded(err error)
	Recovered()
}

// Keeper is the group's state, and who watches it.
type Keeper struct {
	group *membership.Group
	store Store
	told  Told

	problem  error         // why changes are refused, nil if they are not
	tried    time.Duration // when saving failed last
	revision uint64        // that the watches were woken for
	watches  []*Watch      // by incarnation, one for each
}

// Open goes on with a group in state, and saves that its registry was started. now is
// the time by a clock that begins with the registry's process. The error is the store's.
func Open(state membership.State, now time.Duration, store Store, told Told) (*Keeper, error) {
	k := &Keeper{group: membership.New(state, now), store: store, told: told}
	first, _ := k.group.Unsaved()
	if err := store.Save(first); err != nil {
		return nil, err
	}
	k.group.Saved()
	return k, nil
}

// Registered is what became of a registration.
type Registered struct {
	Incarnation uint64
	Directive   membership.Directive // what the node has to know
	Err         error                // why it was refused, nil if it was not
}

// Register admits nodes, as many as ask at the time, and saves all of them at once: a disk
// that is slow does not keep one waiting for every other one. It returns what became of each.
func (k *Keeper) Register(now time.Duration, list ...membership.Registration) []Registered {
	out := make([]Registered, len(list))
	refuse := func(err error) []Registered {
		for i := range out {
			out[i] = Registered{Err: err}
		}
		return out
	}
	if k.problem != nil {
		return refuse(k.problem)
	}
	for i, r := range list {
		out[i].Incarnation, out[i].Err = k.group.Register(now, r)
	}
	if err := k.changed(now, nil); err != nil {
		return refuse(err)
	}
	s := k.group.Status(now)
	for i := range out {
		o := &out[i]
		if o.Err != nil {
			continue
		}
		o.Directive, o.Err = k.group.Directive(membership.From{
			ID: list[i].ID, Incarnation: o.Incarnation, Group: s.Group, Generation: s.Generation, Key: k.group.OwnKey(o.Incarnation),
		}, 0)
	}
	return out
}

// Heartbeat takes a node's report, and returns what the node has to know.
func (k *Keeper) Heartbeat(now time.Duration, from membership.From, report membership.Report) (membership.Directive, error) {
	if k.problem != nil {
		return membership.Directive{}, k.problem
	}
	if err := k.changed(now, k.group.Heartbeat(now, from, report)); err != nil {
		return membership.Directive{}, err
	}
	return k.group.Directive(from, report.View)
}

// MayLeave reports whether a request to leave comes from the node itself, as far as that can
// be known: see membership.Group.MayLeave.
func (k *Keeper) MayLeave(from membership.From, force bool) bool {
	return k.group.MayLeave(from, force)
}

// Is tells whether a request comes from the node that it names.
func (k *Keeper) Is(from membership.From) bool { return k.group.Is(from) }

// Leave takes a node's wish to leave, or that somebody forces it to.
func (k *Keeper) Leave(now time.Duration, from membership.From, force bool, reason string) error {
	if k.problem != nil {
		return k.problem
	}
	return k.changed(now, k.group.Leave(now, from, force, reason))
}

// Stopped takes a node's word that it has stopped without having left.
func (k *Keeper) Stopped(now time.Duration, from membership.From, force bool) error {
	if k.problem != nil {
		return k.problem
	}
	return k.changed(now, k.group.Stopped(now, from, force))
}

// NewGeneration gives the group's state up, and returns the number of the generation
// that begins.
func (k *Keeper) NewGeneration(now time.Duration, force bool) (generation uint64, err error) {
	if k.problem != nil {
		return 0, k.problem
	}
	generation, err = k.group.NewGeneration(now, force)
	return generation, k.changed(now, err)
}

// Tick lets time pass. The keeper tries to save again what it could not.
func (k *Keeper) Tick(now time.Duration) {
	if k.problem != nil {
		k.saveAgain(now)
		return
	}
	k.group.Tick(now)
	_ = k.changed(now, nil) // told.Degraded has the error
}

// Status returns the group as it was saved last, and why changes are refused, nil if
// they are not.
func (k *Keeper) Status(now time.Duration) (s membership.Status, problem error) {
	return k.group.Status(now), k.problem
}

// Unsaved returns the state that could not be saved, which holds all the same if it is on
// the disk, nil if there is none.
func (k *Keeper) Unsaved() *membership.State {
	if state, unsaved := k.group.Unsaved(); unsaved {
		return &state
	}
	return nil
}

// changed saves what a call has changed, tells whom it concerns, and returns why the
// call was refused, if it was. An error that is ErrDegraded comes in place of that.
func (k *Keeper) changed(now time.Duration, refusal error) error {
	if planted.On(planted.ToldUnsaved) {
		state, unsaved := k.group.Unsaved()
		k.group.Saved()
		k.tell()
		if unsaved && k.store.Save(state) != nil {
			k.tried = now
		}
		return refusal
	}
	if err := k.save(now); err != nil {
		return err
	}
	k.tell()
	return refusal
}

// save brings the group's state into the store. If that fails, the group has gone further
// than the store, perhaps. So nothing is told and nothing is changed any more until the
// state is saved; a registry that is started again goes on from what the store has.
func (k *Keeper) save(now time.Duration) error {
	state, unsaved := k.group.Unsaved()
	if !unsaved {
		return nil
	}
	if err := k.store.Save(state); err != nil {
		if k.problem == nil {
			k.told.Degraded(err)
		}
		k.problem = fmt.Errorf("%w: %w; it refuses every change and retries every second: make room or repair the disk", ErrDegraded, err)
		k.tried = now
		k.wake()
		return k.problem
	}
	k.group.Saved()
	return nil
}

// saveInterval is how often the keeper tries to save what it could not.
const saveInterval = time.Second

// saveAgain repeats a save that has failed, and goes on once it succeeds. The change that
// could not be saved holds then: its sender does not know whether it does, and nobody was
// told otherwise.
func (k *Keeper) saveAgain(now time.Duration) {
	if now-k.tried < saveInterval || k.save(now) != nil {
		return
	}
	k.problem = nil
	k.told.Recovered()
	k.tell()
}

// tell passes on what has changed, once it is saved.
func (k *Keeper) tell() {
	events := k.group.TakeEvents()
	for i := range events {
		k.told.Event(&events[i])
	}
	if revision := k.group.Revision(); revision != k.revision {
		k.revision = revision
		k.wake()
	}
}
