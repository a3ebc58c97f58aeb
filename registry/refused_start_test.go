package registry

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/registry/membership"
)

// saved returns the state that a directory has.
func saved(t *testing.T, dir string) membership.State {
	t.Helper()
	s, err := openBolt(dir)
	if err != nil {
		t.Fatal(err)
	}
	state, found, err := s.load()
	if err != nil || !found {
		t.Fatalf("state in %s: found %v, %v", dir, found, err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return state
}

// TestRefusedStart holds that a registry that does not start says nothing of
// changed settings, and changes nothing of what is saved.
func TestRefusedStart(t *testing.T) {
	dir := t.TempDir()
	f := start(t, dir, Settings{})
	f.node(t, "a")
	f.stop(t)
	other := start(t, t.TempDir(), Settings{}) // has the port that some ask for
	for name, cfg := range map[string]Config{
		"session TTL":               {Settings: Settings{SessionTTL: 5 * time.Second}},
		"delivery":                  {Settings: Settings{Delivery: Agreed}},
		"session TTL with others":   {Settings: Settings{SessionTTL: 5 * time.Second, Detection: time.Second, MinMembers: 2}},
		"detection below its range": {Settings: Settings{Detection: time.Millisecond, MinMembers: 2}},
		"heartbeat for detection":   {Settings: Settings{Heartbeat: time.Second, Audit: time.Second}},
		"minimum size":              {Settings: Settings{MinMembers: 1000, Tick: 2 * time.Second}},
		"tick above the TTL":        {Settings: Settings{Tick: time.Hour, Detection: time.Second}},
		"port in use":               {Settings: Settings{Detection: time.Second, MinMembers: 2}, Listen: other.Addr()},
	} {
		t.Run(name, func(t *testing.T) {
			before := saved(t, dir)
			var log bytes.Buffer
			cfg.DataDir, cfg.Logger = dir, slog.New(slog.NewTextHandler(&log, nil))
			if r, err := Start(t.Context(), cfg); err == nil {
				t.Error("it starts")
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
			if log.Len() > 0 {
				t.Errorf("it does not start, and logs\n%s", log.String())
			}
			if diff := cmp.Diff(before, saved(t, dir)); diff != "" {
				t.Errorf("it does not start, and changes what is saved:\n%s", diff)
			}
		})
	}
	start(t, dir, Settings{}).stop(t) // as it was
}

// TestRefusedNewGroup holds that settings which no group can have create nothing.
func TestRefusedNewGroup(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if _, err := Start(t.Context(), Config{DataDir: dir, Settings: Settings{SessionTTL: time.Millisecond}}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a session TTL of 1ms: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory of a registry that did not start: %v", err)
	}
}

// TestChangedSettingsAreLogged holds that a start which changes settings says so.
func TestChangedSettingsAreLogged(t *testing.T) {
	dir := t.TempDir()
	f := start(t, dir, Settings{})
	f.stop(t)
	for _, test := range []struct {
		settings Settings
		says     bool
	}{
		{Settings{MinMembers: 2}, true},
		{Settings{MinMembers: 2}, false}, // what it has already
		{Settings{}, false},
	} {
		f = start(t, dir, test.settings)
		f.stop(t)
		if says := bytes.Contains(f.log.Bytes(), []byte("settings of the group changed")); says != test.says {
			t.Errorf("settings %+v: logged: %v, want %v", test.settings, says, test.says)
		}
	}
}

// TestNothingIsLeft holds that a registry that does not start leaves nothing of a
// directory that is new, and that another then begins in it.
func TestNothingIsLeft(t *testing.T) {
	other := start(t, t.TempDir(), Settings{}) // has the port
	root := t.TempDir()
	dir := filepath.Join(root, "new", "registry")
	if _, err := Start(t.Context(), Config{DataDir: dir, Listen: other.Addr(), Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Fatal("it starts")
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	f := start(t, dir, Settings{})
	f.stop(t)
	if _, err := Start(t.Context(), Config{DataDir: dir, Listen: other.Addr(), Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Fatal("it starts")
	}
	saved(t, dir)
}

// A file that was removed while it was opened is not taken.
func TestRemovedStore(t *testing.T) {
	dir := t.TempDir()
	first, err := openBolt(dir)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan *boltStore, 1)
	go func() {
		second, err := openBolt(dir) // waits for the lock
		if err != nil {
			t.Error(err)
		}
		opened <- second
	}()
	if err := first.close(); err != nil { // removes the file
		t.Error(err)
	}
	second := <-opened
	if second == nil {
		t.FailNow()
	}
	if err := second.save(membership.NewState(1, 0, DefaultSettings())); err != nil {
		t.Error(err)
	}
	if err := second.close(); err != nil {
		t.Error(err)
	}
	saved(t, dir)
}
