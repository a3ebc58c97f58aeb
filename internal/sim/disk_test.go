package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry/keeper"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// While a registry saves on a slow disk it answers nobody and does nothing else. What has come
// is done in its order, and a process that crashes answers none of it.
func TestSlowDisk(t *testing.T) {
	w := newWorld(1, Options{})
	w.registry = newRegistry(w)
	g := w.registry
	g.slowDisk(time.Second)
	var done []string
	note := func(what string) { done = append(done, what+" "+w.Now.String()) }
	register := func(id string) {
		g.step(func(k *keeper.Keeper, now time.Duration) {
			r := membership.Registration{ID: id, PeerAddr: id + ":1", ClientAddr: id + ":1", FeatureLevel: membership.BaseLevel}
			if err := k.Register(now, r)[0].Err; err != nil {
				t.Error(err)
			}
			note(id)
			g.afterSave(func() { note("answer to " + id) })
		})
	}
	register("x")
	register("y")
	g.step(func(*keeper.Keeper, time.Duration) { note("nothing to save") })
	w.runUntil(2 * time.Second)
	if want := []string{"x 0s", "answer to x 1s", "y 1s", "answer to y 2s", "nothing to save 2s"}; !slices.Equal(done, want) {
		t.Errorf("done: %q, want %q", done, want)
	}
	done = nil
	register("z")
	register("late")
	g.crash()
	g.start()
	w.runUntil(5 * time.Second)
	if want := []string{"z 2s"}; !slices.Equal(done, want) {
		t.Errorf("with a crash: %q, want %q", done, want)
	}
}
