package registry

import (
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/seed-8247e700/dsm/registry/membership"
)

// recordBytes returns the length of a directory's record.
func recordBytes(t *testing.T, dir string) (length int) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, storeFile), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		length = len(tx.Bucket(storeBucket).Get(storeKey))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	return length
}

// TestRecordOfManyViews holds that a record of an earlier release, which kept 128
// views, is read, and that only the committed view of it is kept.
func TestRecordOfManyViews(t *testing.T) {
	dir := t.TempDir()
	f := start(t, dir, Settings{})
	a := f.node(t, "a")
	f.join(t, a, "b")
	f.stop(t)

	state := saved(t, dir)
	newest, _ := state.Committed()
	long := recordBytes(t, dir)
	state.NextView += 127
	state.Views = nil
	for id := newest.ID; id < state.NextView; id++ {
		v := membership.View{ID: id, FeatureLevel: newest.FeatureLevel, Members: newest.Members}
		if len(state.Views) > 0 {
			v.Prev = id - 1
		}
		state.Views = append(state.Views, v)
	}
	newest, _ = state.Committed()
	s, err := openBolt(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.save(state); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if size := recordBytes(t, dir); size < 20*long {
		t.Fatalf("a record of 128 views has %d bytes, one of a view %d", size, long)
	}

	f = start(t, dir, Settings{})
	status, err := f.client.Status(t.Context())
	if err != nil || status.GetView().GetId() != newest.ID || len(status.GetView().GetMembers()) != 2 {
		t.Errorf("view %v (%v), want %d", status.GetView(), err, newest.ID)
	}
	a.f, a.report.View = f, newest.ID-1
	if d := a.heartbeat(t); d.Excluded || a.report.View != newest.ID {
		t.Errorf("a member of the view before is told %v", d)
	}
	f.stop(t)
	if size := recordBytes(t, dir); size > 2*long {
		t.Errorf("the record still has %d bytes", size)
	}
	if got := saved(t, dir); len(got.Views) != 1 || got.Views[0].ID != newest.ID {
		t.Errorf("views kept: %v", got.Views)
	}
}
