package sim

import "testing"

// Each kind of fault has a name of its own, and either does something by a plan or comes
// from elsewhere.
func TestEveryKindOfFaultDoesSomething(t *testing.T) {
	names := make(map[string]Fault)
	for f := range faultKinds {
		k := &kinds[f]
		if other, twice := names[k.name]; k.name == "" || twice {
			t.Errorf("faults.go: kind %d is named %q, and so is kind %d", f, k.name, other)
		}
		names[k.name] = f
		if (k.strike == nil) == (k.elsewhere == "") {
			t.Errorf("faults.go: %q does nothing, or it is planned and comes from elsewhere too", k.name)
		}
		if k.strike != nil && f >= weighted {
			t.Errorf("faults.go: %q is planned, and no seed gives it a weight", k.name)
		}
	}
}

// A fault is counted as what it is, and only if it has happened.
func TestFaultsAreCounted(t *testing.T) {
	before := kinds[Lag].strike
	defer func() { kinds[Lag].strike = before }()
	w := newWorld(1, Options{})
	for _, happens := range []bool{false, true} {
		kinds[Lag].strike = func(_ *world, k Fault) bool { return happens && k == Lag }
		w.strike(Lag)
	}
	w.strike(CrashDonor) // it lies in wait
	want := Counts{}
	want.Faults[Lag] = 1
	if w.counts.Faults != want.Faults || !w.ambushes.Has(CrashDonor) {
		t.Errorf("%v", w.counts.Faults)
	}
}
