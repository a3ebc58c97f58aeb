package sim

import "testing"

// TestDamageIsFoundBeforeTheEnd damages a member once all is at rest. The run is not over before
// audits have had the time to find it.
func TestDamageIsFoundBeforeTheEnd(t *testing.T) {
	w := newWorld(1, Options{Nodes: 3, Without: 1<<DamagedMemory | 1<<Crash})
	w.begin()
	w.runUntil(w.traits.horizon)
	w.settle()
	r := w.hosts[0].run.current
	if r.damage.what = r.reader.State().Damage(damagedSum, 0); r.damage.what == "" || !w.allServe() {
		t.Fatal("nothing is damaged in a group at rest")
	}
	r.damage.ever = true
	if w.settled() {
		t.Error("the group is at rest with damage that no audit has had time to find")
	}
	w.draining = false
	w.settle()
	w.finish()
	if w.counts.Damaged != 1 || w.hosts[0].run.current == r {
		t.Errorf("%d replicas found damage, and %s has not been replaced", w.counts.Damaged, r)
	}
}
