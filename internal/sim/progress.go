package sim

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// wedges notes that the registry begins an attempt at a view: from the first until a view is
// committed nobody writes.
func (w *world) wedges() {
	if w.wedgedAt == 0 {
		w.wedgedAt = w.Now
	}
}

// changed notes that a view is committed.
func (w *world) changed() {
	w.checkChange()
	w.wedgedAt = 0
}

// checkChange holds that a change of the view ends once faults have stopped, whatever remains
// slow, and however many attempts it takes. Attempts of an earlier release send all anew, and
// are not held to that.
func (w *world) checkChange() {
	if w.wedgedAt == 0 || !w.healed || w.chain.level() < wire.LevelFetch {
		return
	}
	if took := w.Now - max(w.wedgedAt, w.healedAt); took > w.mostChange() {
		w.stalled("a change of the view has taken %v", took)
	}
}

// level is the feature level of the committed view, 0 if there is none.
func (c *chain) level() uint32 {
	if view := c.find(c.last); view != nil {
		return view.FeatureLevel
	}
	return 0
}

// mostChange bounds a change of the view: by the time after which an operator helps, and that in
// which what is under way passes what is slowest, several times, and the registry saves.
func (w *world) mostChange() time.Duration {
	return (operatorComes+8)*w.longest + w.slowness()
}

// operatorComes is how many detection times an operator waits.
const operatorComes = 12

// stalled ends the run of a group that makes no progress.
func (w *world) stalled(format string, args ...any) {
	w.counts.Stalled++
	w.fail("progress: "+format+": %s", append(args, w.standing())...)
}
