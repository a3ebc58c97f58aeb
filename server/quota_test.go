package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/registry"
)

// A group has the quota that its registry is started with. What exceeds it is refused, at
// whatever node, and what leaves less goes on.
func TestQuota(t *testing.T) {
	g := newGroup(t, registry.Settings{QuotaBytes: 100, QuotaVariables: 3})
	g.startAll(2)
	eventually(t, "the quota is in the order", func() bool { return g.nodes["n2"].Status().Variables.BytesLimit == 100 })
	db := driver.OpenDB(g.nodes["n1"])
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	set := func(key string, size int) error {
		_, err := db.Set(t.Context(), key, make([]byte, size))
		return err
	}
	for _, step := range []struct {
		what string
		err  error
		text string // of an ErrQuota; "": none
	}{
		{"99 bytes", set("a", 98), ""},
		{"2 more", set("b", 1), "100 bytes of keys and values"},
		{"less", set("a", 10), ""},
		{"a second", set("b", 1), ""},
		{"a third", set("c", 1), ""},
		{"a fourth", set("d", 1), "3 variables"},
	} {
		if errors.Is(step.err, driver.ErrQuota) != (step.text != "") || step.text == "" && step.err != nil || step.err != nil && !strings.Contains(step.err.Error(), step.text) {
			t.Errorf("%s: %v", step.what, step.err)
		}
	}
	if _, err := db.Batch(t.Context(), driver.Put("d", make([]byte, 200))); !errors.Is(err, driver.ErrQuota) {
		t.Errorf("a transaction beyond the quota: %v", err)
	}
	if _, err := db.Batch(t.Context(), driver.Del("c"), driver.Put("d", []byte("x"))); err != nil {
		t.Errorf("a transaction that makes room for itself: %v", err)
	}
	future := db.SetAsync(t.Context(), "e", nil)
	if _, err := future.Wait(t.Context()); !errors.Is(err, driver.ErrQuota) {
		t.Errorf("an asynchronous write: %v", err)
	}
	if _, err := db.Delete(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	if s := g.nodes["n1"].Status().Variables; s != (VariablesStatus{Count: 2, Bytes: 13, CountLimit: 3, BytesLimit: 100}) {
		t.Errorf("%+v", s)
	}
}
