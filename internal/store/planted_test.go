//go:build planted

package store

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-8247e700/dsm/internal/planted"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// TestPlantedReadMissInstalls holds that the comparison of reads with the
// commands in the order sees a value that no command wrote.
func TestPlantedReadMissInstalls(t *testing.T) {
	planted.With(t, planted.ReadMissInstalls)
	f := newFeeder(t, Limits{})
	session := f.open()
	f.s.Get("k")
	if _, version, _ := f.s.Get("k"); version == 0 {
		t.Error("the mistake did not show in a read")
	}
	create := wire.Command{Op: wire.OpCompareAndSet, Session: session, Seq: 1, Key: "k"}
	if r, _ := f.apply(create); r.Status == wire.StatusOK {
		t.Error("the mistake did not show in a result")
	}
	planted.Caught(t, planted.ReadMissInstalls, "reads and results beside the commands in the order")
}

// TestPlantedCollidingIDs has two sessions get the same id. Each counts its own
// writes, so the second one's is taken for the first one's repeated.
func TestPlantedCollidingIDs(t *testing.T) {
	planted.With(t, planted.CollidingIDs)
	f := newFeeder(t, Limits{})
	one, two := f.open(), f.open()
	f.apply(wire.Command{Op: wire.OpSet, Session: one, Seq: 1, Floor: 1, Key: "a", Value: []byte("one")})
	second, effect := f.apply(wire.Command{Op: wire.OpSet, Session: two, Seq: 1, Floor: 1, Key: "b", Value: []byte("two")})
	if second.Status != wire.StatusOK {
		t.Fatalf("the second session's write was not acknowledged: %+v", second)
	}
	value, _, _ := f.s.Get("b")
	if effect || string(value) == "two" {
		t.Error("both writes took effect")
		return
	}
	planted.Caught(t, planted.CollidingIDs, "a write that was acknowledged and never took effect")
}

// TestPlantedOracle has the oracle, which is the store without any cleverness,
// find mistakes.
func TestPlantedOracle(t *testing.T) {
	for _, test := range []struct {
		bug      planted.Bug
		name     string
		property func(*rapid.T)
	}{
		{planted.ResultsPruned, "the store's oracle", storeAgainstOracle},
		{planted.SessionFromRetry, "the store's oracle", storeAgainstOracle},
		{planted.PredecessorIgnored, "the store's oracle", storeAgainstOracle},
		{planted.SnapshotElsewhere, "the oracle of a restored snapshot", snapshotStandsStill},
		{planted.ExpiryKeepsCount, "the store's oracle", storeAgainstOracle},
		{planted.ClientsNotInSnapshot, "the oracle of a restored snapshot", snapshotsAgainstOracle},
		{planted.TxnHalfDone, "the store's oracle", storeAgainstOracle},
		{planted.TxnIfIgnored, "the store's oracle", storeAgainstOracle},
		{planted.TxnRepeatBare, "the store's oracle", storeAgainstOracle},
		{planted.RangeForgetsDeletions, "the store's oracle", storeAgainstOracle},
		{planted.TxnDataNotInSnapshot, "the oracle of a restored snapshot", snapshotsAgainstOracle},
		{planted.ResultsNotInSnapshot, "the oracle of a restored snapshot", snapshotsAgainstOracle},
		{planted.TimersNotInSnapshot, "the oracle of a restored snapshot", snapshotsAgainstOracle},
		{planted.TimerFromCommand, "the store's oracle", storeAgainstOracle},
		{planted.ExpiryUnseen, "the oracle of the history", historyAgainstOracle},
		{planted.PendingExpires, "the store's oracle", storeAgainstOracle},
		{planted.QuotaIgnored, "the store's oracle", storeAgainstOracle},
		{planted.ResultsUnbounded, "the store's oracle", storeAgainstOracle},
		{planted.QuotaNotInSnapshot, "the oracle of a restored snapshot", snapshotsAgainstOracle},
		{planted.OwnersForgotten, "the store's oracle", storeAgainstOracle},
		{planted.LockNotInSnapshot, "the oracle of a restored snapshot", snapshotsAgainstOracle},
	} {
		t.Run(test.bug.String(), func(t *testing.T) {
			planted.Property(t, test.bug, test.name, func(t testing.TB) { rapid.Check(t, test.property) })
		})
	}
}

// TestPlantedDamage has a value changed behind the store's back.
func TestPlantedDamage(t *testing.T) {
	t.Run("AuditByKeptDigest", func(t *testing.T) {
		planted.With(t, planted.AuditByKeptDigest)
		f, _ := filled(t, 30)
		f.s.Damage(0, 3)
		if _, err := f.audited(); err == nil && f.s.CleanPasses() == 0 {
			planted.Caught(t, planted.AuditByKeptDigest, "an audit after a value was changed in memory")
		}
	})
	t.Run("DonorIgnoresDamage", func(t *testing.T) {
		planted.With(t, planted.DonorIgnoresDamage)
		f, _ := filled(t, 30)
		f.s.Damage(0, 3)
		chunks, err := encode(f.s.Snapshot(), 100)
		if err != nil {
			t.Fatal(err)
		}
		restored, err := restore(Limits{}, chunks)
		if err != nil || restored.Digest() != f.s.Digest() {
			planted.Caught(t, planted.DonorIgnoresDamage, "the digest of what was restored from a state whose value was changed in memory")
		}
	})
}
