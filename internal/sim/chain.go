package sim

import (
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/isis"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// chain is the views that the registry has saved, and when each incarnation was
// left out of one.
type chain struct {
	last    uint64 // committed view of the generation
	highest uint64 // of all generations
	views   []membership.View
	of      []uint64        // the generation of each view, which tells the group, too
	outside []time.Duration // by incarnation: when a view without it was committed, 0: never
}

// saved holds a state that is on disk now against the one before.
func (c *chain) saved(w *world, before, after *membership.State) {
	if after.Generation != before.Generation {
		if view, ok := before.Committed(); ok {
			for _, m := range view.Members {
				c.leave(w, m.Incarnation)
			}
		}
		c.last = 0
	}
	for _, v := range after.Views {
		if v.ID <= c.highest {
			if c.find(v.ID) == nil {
				w.fail("views: the registry has view %d, which was never committed", v.ID)
			}
			continue
		}
		if v.Prev != c.last {
			w.fail("views: view %d follows %d, the last was %d", v.ID, v.Prev, c.last)
		}
		if base := c.find(c.last); base != nil {
			for _, m := range base.Members {
				if !v.Has(m.Incarnation) {
					c.leave(w, m.Incarnation)
					c.blame(w, base, m.Incarnation)
				}
			}
		}
		w.counts.Views++
		w.changed()
		c.last, c.highest = v.ID, v.ID
		c.views, c.of = append(c.views, v), append(c.of, after.Generation)
		w.committing()
		w.trace("registry: view %d is committed: %v", v.ID, v.Members)
	}
	if view, ok := after.Committed(); ok && view.ID != c.last {
		w.fail("views: the registry is back at view %d, the last was %d", view.ID, c.last)
	}
}

func (c *chain) find(id uint64) *membership.View {
	i, found := slices.BinarySearchFunc(c.views, id, func(v membership.View, id uint64) int { return int(v.ID) - int(id) })
	if !found {
		return nil
	}
	return &c.views[i]
}

func (c *chain) leave(w *world, incarnation uint64) {
	for uint64(len(c.outside)) <= incarnation {
		c.outside = append(c.outside, 0)
	}
	if c.outside[incarnation] == 0 {
		c.outside[incarnation] = max(w.Now, 1)
		if r := w.replica(incarnation); r != nil && !r.over && !r.reader.Leaving() {
			w.counts.Exclusions++
		}
	}
}

// blame holds that one deaf member among three or more costs no other its place.
func (c *chain) blame(w *world, base *membership.View, incarnation uint64) {
	r := w.replica(incarnation)
	if !w.traits.deafOnly || w.healed || w.deafMany || len(base.Members) < 3 || r == nil {
		return
	}
	if !slices.Contains(w.deaf, r.p.site) {
		w.fail("blame: %s is excluded, and only others were deaf", r)
	}
}

// entered holds a view that a node enters against those that are committed.
func (c *chain) entered(r *replica, v *isis.View) {
	committed := c.find(v.ID)
	if committed == nil || committed.Prev != v.Prev || !slices.Equal(toView(committed).Members, v.Members) {
		r.w.fail("views: %s enters view %d after %d %v; committed is %v", r, v.ID, v.Prev, v.Members, committed)
	}
	if i := slices.IndexFunc(c.views, func(w membership.View) bool { return w.ID == v.ID }); c.of[i] != r.generation {
		r.w.fail("views: %s of generation %d enters view %d of generation %d", r, r.generation, v.ID, c.of[i])
	}
	r.w.counts.Entered++
}

// obeyed holds that a member gives its state up only at the word of its own group's
// registry: which has saved a view without it, or a new generation.
func (c *chain) obeyed(r *replica) {
	if r.view.ID == 0 || r.self.Incarnation < uint64(len(c.outside)) && c.outside[r.self.Incarnation] != 0 {
		return
	}
	r.w.fail("obedience: %s gives up its state, and its group has saved neither a view without it nor a new generation", r)
}

func toView(v *membership.View) isis.View {
	members := make([]isis.MemberID, len(v.Members))
	for i, m := range v.Members {
		members[i] = isis.MemberID{ID: m.ID, Incarnation: m.Incarnation}
	}
	return isis.View{ID: v.ID, Prev: v.Prev, Members: members}
}

// checkLease holds that a node answers a read under a valid lease, by true time.
func (w *world) checkLease(r *replica) {
	w.counts.Reads++
	if r.self.Incarnation >= uint64(len(w.chain.outside)) {
		return
	}
	at := w.chain.outside[r.self.Incarnation]
	if at == 0 {
		return
	}
	// A lease counts by both clocks from when the question was asked, before the view was
	// committed. A steady clock that runs slow makes it last longer, and nothing else does:
	// the clock on the wall, set or not, only ends it sooner. While the machine sleeps the
	// steady one stands still, and the lease ends by the other, which a member corrects once
	// it has seen that it was set back. So a machine does not fall asleep here between the
	// moment at which its clock is set back and the next turn (clocks.go): nobody could tell.
	// The processor's counter spares a look at the clocks only while a lot is left by both.
	// It lasts as long as the detection time was when it was asked for, which a registry
	// that was started again may have changed.
	if w.Now > at+w.longestLease(w.longest) {
		w.fail("lease: %s answers a read %v after a view without it was committed", r, w.Now-at)
	}
}
