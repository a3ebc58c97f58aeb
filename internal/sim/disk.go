package sim

import (
	"errors"
	"time"

	"github.com/seed-8247e700/dsm/registry/membership"
)

var errDiskFull = errors.New("no space left on the disk")

// Save is part of keeper.Store.
func (g *registry) Save(state membership.State) error {
	g.brink()
	if g.full {
		return errDiskFull
	}
	if g.saves > 0 {
		g.busy = max(g.busy, g.w.Now) + g.saves
	}
	before := g.disk
	g.disk = state
	g.w.chain.saved(g.w, &before, &state)
	g.brink()
	return nil
}

// fillDisk has the registry save nothing for a while.
func (w *world) fillDisk(Fault) bool {
	g := w.registry
	if g.up {
		g.full = true
		w.until(func() { g.full = false })
	}
	return g.up
}

// slowDisk has a save take so long from now on.
func (g *registry) slowDisk(d time.Duration) (lift func()) {
	g.saves = d
	return func() { g.saves = 0 }
}

// whenFree has the registry do something, once it has saved what it saves and done what came
// before: as the shipped one, it does one thing at a time, and a save is a part of that.
func (g *registry) whenFree(what func()) {
	if g.w.Now >= g.busy && len(g.waiting) == 0 {
		what()
		return
	}
	if g.waiting = append(g.waiting, what); len(g.waiting) == 1 {
		g.workLater()
	}
}

// workLater does what waits after the save that is under way.
func (g *registry) workLater() {
	g.afterSave(func() {
		for len(g.waiting) > 0 && g.w.Now >= g.busy && g.up {
			next := g.waiting[0]
			g.waiting = g.waiting[1:]
			next()
		}
		if len(g.waiting) > 0 && g.up {
			g.workLater()
		}
	})
}

// afterSave does something once what was done before it is saved. A process that crashes
// before does not do it.
func (g *registry) afterSave(what func()) {
	if g.w.Now >= g.busy {
		what()
		return
	}
	boot := g.boots
	g.w.At(g.busy, func() {
		if g.up && g.boots == boot {
			what()
		}
	})
}
