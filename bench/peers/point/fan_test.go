package point

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fanned is a fan-out of a few milliseconds to three watchers.
func fanned() Work {
	w := short(FanOut)
	w.Watchers = 3
	return w
}

// TestFanOut: every write that counts was sent to every watcher.
func TestFanOut(t *testing.T) {
	f := newFake()
	result, err := NewPool(f).Run(t.Context(), fanned())
	if err != nil {
		t.Fatal(err)
	}
	if f.sends != 3*f.writes || result.Count == 0 || int(result.Count) >= f.writes {
		t.Errorf("%d events of %d writes, of which %d count", f.sends, f.writes, result.Count)
	}
	if f.unwatched != 1 {
		t.Error("the watchers were not closed")
	}
}

// TestEventsAreChecked: a watcher that is sent a write twice, one that nobody made, a wrong
// value, or an earlier version is found out. So is one that is sent writes in another order
// than the others, if the system has no versions.
func TestEventsAreChecked(t *testing.T) {
	const which = 50 // beyond the first write, in the middle of others
	keys := Keys(10)
	for name, spoil := range map[string]func(e *fakeEvent){
		"twice":         func(e *fakeEvent) { e.twice = true },
		"no key":        func(e *fakeEvent) { e.key = "key-x" },
		"another key":   func(e *fakeEvent) { e.key = map[bool]string{true: keys[9], false: keys[8]}[e.key != keys[9]] },
		"another value": func(e *fakeEvent) { e.value = []byte("x") },
		"version again": func(e *fakeEvent) { e.version = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.send = func(e *fakeEvent) {
				if e.n == which {
					spoil(e)
				}
			}
			work := fanned()
			work.Duration = time.Hour
			if _, err := NewPool(f).Run(t.Context(), work); !errors.Is(err, ErrOperation) || !errors.Is(err, errEvents) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestLostEvent: a watcher that misses a write ends the point, and is named.
func TestLostEvent(t *testing.T) {
	for name, n := range map[string]int{"the first write": 2, "a later one": 50} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.send = func(e *fakeEvent) {
					if e.n == n {
						e.watcher = -1
					}
				}
				work := fanned()
				work.Clients = 1
				_, err := NewPool(f).Run(t.Context(), work)
				if !errors.Is(err, ErrTooLate) || !errors.Is(err, errEvents) || !strings.Contains(err.Error(), "watcher 1 was sent ") {
					t.Errorf("the error is %v", err)
				}
			})
		})
	}
}

// TestOrderIsCompared: the same writes in another order are not the same.
func TestOrderIsCompared(t *testing.T) {
	keys := Keys(2)
	f := newFan(2, 2, nil)
	for i := range f.writes {
		f.writes[i].key, f.writes[i].value = keys[i], []byte{byte(i)}
		f.writes[i].left.Store(2)
		f.writes[i].number.Store(1)
	}
	see := func(watcher, client int) {
		if err := f.watchers[watcher].see(keys[client], []byte{byte(client)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	see(0, 0)
	see(0, 1)
	see(1, 1)
	if err := f.check(); !errors.Is(err, errEvents) || !strings.Contains(err.Error(), "watcher 1 was sent 1 of 2") {
		t.Errorf("the error is %v", err)
	}
	see(1, 0)
	if err := f.check(); !errors.Is(err, errEvents) || !strings.Contains(err.Error(), "different orders") {
		t.Errorf("the error is %v", err)
	}
	if len(f.writes[0].seen) != 1 || len(f.writes[1].seen) != 1 {
		t.Error("a client waits for what all have seen")
	}
}

// TestWatchEnds: a watch that ends by itself ends the point.
func TestWatchEnds(t *testing.T) {
	s := &endingSystem{fake: newFake()}
	work := fanned()
	work.Duration = time.Hour
	if _, err := NewPool(s).Run(t.Context(), work); !errors.Is(err, ErrOperation) || !errors.Is(err, errEnded) {
		t.Errorf("the error is %v", err)
	}
}

// endingSystem has watches that end by themselves.
type endingSystem struct{ *fake }

func (s *endingSystem) Watchers(context.Context, int, string) (Watchers, error) {
	return endingWatchers{}, nil
}

type endingWatchers struct{}

func (endingWatchers) Run(context.Context, int, See) error { return nil }

func (endingWatchers) Close() error { return nil }

// unwatchable has no watches.
type unwatchable struct{ System }

func TestWatchesMustBeSupported(t *testing.T) {
	if _, err := NewPool(unwatchable{newFake()}).Run(t.Context(), fanned()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("the error is %v", err)
	}
}
