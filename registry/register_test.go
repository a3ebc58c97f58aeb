package registry

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/registry/membership"
)

// heldStore holds each save until it is let go.
type heldStore struct {
	store

	saves atomic.Int64
	goOn  chan struct{}
}

func (s *heldStore) save(state membership.State) error {
	s.saves.Add(1)
	<-s.goOn
	return s.store.save(state)
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); runtime.Gosched() {
		if time.Since(began) > time.Minute {
			t.Fatalf("it does not come to that: %s", what)
		}
	}
}

// Many nodes register while the disk is slow: those that come while
// the first is being saved need one more save, all together.
func TestManyRegisterAtOnce(t *testing.T) {
	f := start(t, "", Settings{})
	const nodes = 64
	disk := &heldStore{store: f.store, goOn: make(chan struct{})}
	f.mu.Lock()
	f.store = disk
	f.mu.Unlock()
	var all sync.WaitGroup
	var given sync.Map
	register := func(i int) {
		all.Go(func() {
			id := fmt.Sprintf("n%d", i)
			became, err := f.Registry.register(membership.Registration{ID: id, PeerAddr: id + ":1", ClientAddr: id + ":1"})
			if _, twice := given.LoadOrStore(became.Incarnation, id); err != nil || twice || became.Directive.Group == 0 {
				t.Errorf("%s: %+v, %v", id, became, err)
			}
		})
	}
	register(0)
	eventually(t, "the first is being saved", func() bool { return disk.saves.Load() == 1 })
	for i := 1; i < nodes; i++ {
		register(i)
	}
	eventually(t, "the others wait", func() bool {
		f.registrations.mu.Lock()
		defer f.registrations.mu.Unlock()
		return len(f.registrations.waiting) == nodes-1
	})
	close(disk.goOn)
	all.Wait()
	if n := disk.saves.Load(); n != 2 {
		t.Errorf("%d saves", n)
	}
}
