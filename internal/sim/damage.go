package sim

import (
	"fmt"
	"strconv"

	"github.com/seed-8247e700/dsm/internal/member"
)

// damage is what is wrong with a replica's memory. The
// simulation loses the answers that a damaged replica gives, since nothing is promised of
// those before an audit; all else that it does is checked.
type damage struct {
	what   string // "": the memory is as it was written
	ever   bool   // it was damaged at some time
	audits int    // turns with audits that the replica has taken part in since
	turn   uint64 // number of the last of them
}

// auditsToFind is how many audits may pass a damaged replica: one covers all of the small
// states here, and one may have begun before.
const auditsToFind = 2

// The kinds of damage that Store.Damage does here, beside those of values.
const (
	damagedHash = 3
	damagedSum  = 8
)

// planDamage decides when memory is damaged.
func (w *world) planDamage() {
	if w.options.Without.Has(DamagedMemory) || w.traits.minMembers > 1 || w.traits.deafOnly || w.random.damages.IntN(4) > 0 {
		return
	}
	for range 1 + w.random.damages.IntN(3) {
		w.At(upTo(w.random.damages, w.traits.horizon), w.damageMemory)
	}
}

// damageMemory changes something in a member's memory, of whom the group has another.
func (w *world) damageMemory() {
	var victims []*replica
	for _, p := range w.processes {
		if r := p.current; p.alive && r != nil && r.holdsState() && w.dispensable(p) && !p.strays() {
			victims = append(victims, r)
		}
	}
	if len(victims) == 0 {
		return
	}
	r := victims[w.random.damages.IntN(len(victims))]
	what := ""
	switch choice := w.random.damages.Uint64(); choice % 4 {
	case 0:
		what = r.reader.State().Damage(damagedHash, choice/4)
	case 1:
		what = r.reader.State().Damage(damagedSum, 0)
	default:
		what = r.damageValue(int(choice / 4 % uint64(w.traits.keys)))
	}
	if what == "" {
		return
	}
	r.damage.what = what
	r.damage.ever = true
	w.counts.Faults[DamagedMemory]++
	w.trace("fault: %s of %s is damaged", r.damage.what, r)
}

// damageValue changes a value that is no number, and does not become one: adding to it is
// refused as before. Otherwise what was damaged would change what commands do, until the
// replica meets it in the first: server/damage_test.go has that.
func (r *replica) damageValue(n int) (what string) {
	key := variableName(n)
	data, _, _ := r.reader.State().Get(key)
	if len(data) == 0 {
		return ""
	}
	_, before := strconv.ParseInt(string(data), 10, 64)
	data[len(data)-1] ^= 1
	if _, after := strconv.ParseInt(string(data), 10, 64); before == nil || after == nil {
		data[len(data)-1] ^= 1
		return ""
	}
	return fmt.Sprintf("the value of %q", key)
}

// lies tells whether an answer of the replica counts for nothing.
func (r *replica) lies() bool {
	known := r.reader.Damage()
	return r.damage.what != "" && (known == nil || known.Alone)
}

// foundDamage holds what a member finds against what was done to it. A value that has been
// written again since is still in the history, which a snapshot may have.
func (r *replica) foundDamage(e *member.DamageFound) {
	if !r.damage.ever {
		r.w.fail("damage: %s takes its state for damaged, which it is not: %v", r, e.Err)
	}
	if !e.Again && !e.NotAlone {
		r.w.counts.Damaged++
	}
}

// whole holds that a member which takes its state for whole again is right.
func (r *replica) whole() {
	if err := r.reader.State().VerifyAll(); err != nil {
		r.w.fail("damage: %s takes its state for whole, and %s is damaged: %v", r, r.damage.what, err)
	}
	r.damage.what, r.damage.audits = "", 0
	r.forgetPast()
}

// audited counts the audits that a damaged replica takes part in. What was damaged may have
// been written again since.
func (r *replica) audited() {
	d := &r.damage
	if d.what == "" || r.reader.Damage() != nil {
		return
	}
	if r.reader.State().VerifyAll() == nil {
		d.what = ""
		r.forgetPast()
		return
	}
	if d.turn == r.w.counts.Turns {
		return // it verifies once it has caught up
	}
	d.turn = r.w.counts.Turns
	if d.audits++; d.audits > auditsToFind {
		r.w.fail("damage: %s has taken part in %d audits and does not know that %s is damaged", r, d.audits, d.what)
	}
}

// forgetPast drops the history of a replica whose memory was damaged: what was written again
// may still be there, and nothing is promised of it.
func (r *replica) forgetPast() { r.reader.State().KeepHistory(r.w.traits.watches.history) }

// unaware reports whether the replica's memory is damaged, and no audit has found it yet.
func (r *replica) unaware() bool {
	return r.damage.what != "" && r.reader.Damage() == nil && r.reader.State().VerifyAll() != nil
}

// differ takes the verdict that replicas differ, which only damage excuses.
func (r *replica) differ(position uint64, differing []string) {
	excused := len(differing) == 0
	for _, other := range r.w.replicas {
		excused = excused || other != nil && other.damage.ever
	}
	if !excused {
		r.w.fail("audit: at %d replicas differ: %v", position, differing)
	}
}

// replaceDamaged does what an operator does when the only member has the only copy, which
// is damaged: he gives it up.
func (w *world) replaceDamaged() {
	for _, m := range w.registry.members() {
		r := w.replica(m.Incarnation)
		if r == nil || r.over || r.reader.Damage() == nil || !r.reader.Damage().Alone {
			continue
		}
		w.trace("an operator gives up the damaged state of %s", r)
		r.p.crash(true)
	}
}
