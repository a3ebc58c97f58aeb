package point

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/bench/load"
)

// short is a point of a few milliseconds, or longer on a machine that is busy.
func short(kind Kind) Work {
	return Work{Kind: kind, Clients: 4, Keys: Keys(10), ValueBytes: 100, Duration: 20 * time.Millisecond, Seed: 1}
}

func TestEveryKind(t *testing.T) {
	for _, kind := range []Kind{Writes, Reads, Mixed, AsyncWrites, ReadsBeside, Swaps, FanOut} {
		t.Run(string(kind), func(t *testing.T) {
			f := newFake()
			pool := NewPool(f)
			work := short(kind)
			if kind == FanOut {
				work.Watchers = 3
			}
			if err := pool.Preload(t.Context(), work.Keys, work.ValueBytes); err != nil {
				t.Fatal(err)
			}
			if len(f.values) != len(work.Keys) {
				t.Fatalf("%d of %d keys have a value", len(f.values), len(work.Keys))
			}
			preloaded := f.writes
			result, err := pool.Run(t.Context(), work)
			if err != nil {
				t.Fatal(err)
			}
			if kind == ReadsBeside {
				if result.Count != 0 {
					t.Errorf("%d reads have a latency, which none was to have", result.Count)
				}
			} else if got := float64(result.Count) / work.Duration.Seconds(); got != result.PerSecond {
				t.Errorf("%g a second, but latencies of %g", result.PerSecond, got)
			}
			if kind == Reads && f.writes > preloaded {
				t.Errorf("%d writes among the reads", f.writes-preloaded)
			}
			if f.waiting != 0 {
				t.Errorf("%d writes were not waited for", f.waiting)
			}
			if most := work.Clients * asyncWindow; f.most > most {
				t.Errorf("%d writes in flight, more than %d", f.most, most)
			}
			if err := pool.Close(); err != nil || !f.closed {
				t.Errorf("the system was not closed: %v", err)
			}
		})
	}
}

// TestSchedule holds that everything which was due is done, however late.
func TestSchedule(t *testing.T) {
	f := newFake()
	work := short(Writes)
	work.Rate, work.Warmup = 2000, 10*time.Millisecond
	result, err := NewPool(f).Run(t.Context(), work)
	if err != nil {
		t.Fatal(err)
	}
	// Due at 0, 0.5 ms, 1 ms and so on; from 10 ms on they count.
	if want := 60; f.writes != want {
		t.Errorf("%d writes, not %d", f.writes, want)
	}
	if want := int64(40); result.Count != want {
		t.Errorf("%d latencies, not %d", result.Count, want)
	}
}

func TestClientsAreOpenedOnce(t *testing.T) {
	f := newFake()
	pool := NewPool(f)
	for _, clients := range []int{2, 4, 3} {
		work := short(Writes)
		work.Clients = clients
		if _, err := pool.Run(t.Context(), work); err != nil {
			t.Fatal(err)
		}
	}
	if f.opened != 4 {
		t.Errorf("%d clients were opened for 4 at a time", f.opened)
	}
}

// TestFailureEndsPoint would take an hour if it did not.
func TestFailureEndsPoint(t *testing.T) {
	for name, work := range map[string]Work{
		"closed loop": short(Writes), "async": short(AsyncWrites), "mixed": short(Mixed), "fan-out": fanned(),
		"schedule": func() Work { w := short(Writes); w.Rate = 1e6; return w }(),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.refuse = 100
			work.Duration = time.Hour
			if work.Kind == Mixed {
				pool := NewPool(f)
				if err := pool.Preload(t.Context(), work.Keys, work.ValueBytes); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := NewPool(f).Run(t.Context(), work); !errors.Is(err, ErrOperation) || !errors.Is(err, errRefused) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// TestShortValue: a system that loses what was written is found out.
func TestShortValue(t *testing.T) {
	work := short(Reads)
	work.Duration = time.Hour
	if _, err := NewPool(newFake()).Run(t.Context(), work); !errors.Is(err, ErrOperation) {
		t.Errorf("reading what was never written: %v", err)
	}
}

func TestPreloadTellsFailure(t *testing.T) {
	f := newFake()
	f.refuse = 5
	if err := NewPool(f).Preload(t.Context(), Keys(10), 100); !errors.Is(err, errRefused) {
		t.Errorf("the error is %v", err)
	}
}

// waitingClient is a client whose writes cannot be left to themselves.
type waitingClient struct{ Client }

func TestAsyncMustBeSupported(t *testing.T) {
	pool := NewPool(newFake())
	for range 4 {
		pool.clients = append(pool.clients, waitingClient{fakeClient{newFake()}})
	}
	if _, err := pool.Run(t.Context(), short(AsyncWrites)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("the error is %v", err)
	}
}

func TestWorkIsValidated(t *testing.T) {
	for name, change := range map[string]func(*Work){
		"no client":        func(w *Work) { w.Clients = 0 },
		"no key":           func(w *Work) { w.Keys = nil },
		"tiny value":       func(w *Work) { w.ValueBytes = 1 },
		"no time":          func(w *Work) { w.Duration = 0 },
		"scheduled reads":  func(w *Work) { w.Kind, w.Rate = Reads, 1 },
		"watched writes":   func(w *Work) { w.Watchers = 1 },
		"no watchers":      func(w *Work) { w.Kind = FanOut },
		"no two keys each": func(w *Work) { w.Kind, w.Keys = Swaps, Keys(2*w.Clients-1) },
		"no key each":      func(w *Work) { w.Kind, w.Watchers, w.Keys = FanOut, 1, Keys(w.Clients-1) },
		"too many clients": func(w *Work) { w.Clients = load.MaxClients + 1 },
	} {
		work := short(Writes)
		change(&work)
		if _, err := NewPool(newFake()).Run(t.Context(), work); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestKeys(t *testing.T) {
	seen := map[string]bool{}
	for _, key := range Keys(1000) {
		if len(key) != keyBytes || seen[key] {
			t.Fatalf("%q has %d bytes, or comes twice", key, len(key))
		}
		seen[key] = true
	}
}
