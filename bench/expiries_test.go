package bench

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/workload"
	"github.com/seed-8247e700/dsm/driver"
)

// TestExpiriesThroughALag has a watch lag twice, and then end.
func TestExpiriesThroughALag(t *testing.T) {
	over := errors.New("over")
	lagged := &driver.LaggedError{}
	watch := func(end error, list ...driver.Event) events {
		return func(yield func(driver.Event, error) bool) {
			for _, e := range list {
				if !yield(e, nil) {
					return
				}
			}
			yield(driver.Event{}, end)
		}
	}
	again := []events{
		watch(lagged, driver.Event{Kind: driver.EventInitial, Key: "a"}), // before it has begun
		watch(over, driver.Event{Kind: driver.EventInitial, Key: "b"}, driver.Event{Kind: driver.EventSynced, Position: 7},
			driver.Event{Kind: driver.EventPut, Key: "c", Position: 8}, driver.Event{Kind: driver.EventExpire, Key: "b", Position: 9}),
	}
	x := &expiries{clock: load.NewClock(), stop: func() {}}
	x.run(watch(lagged, driver.Event{Kind: driver.EventExpire, Key: "a", Position: 3}), func(yield func(driver.Event, error) bool) {
		next := again[0]
		again = again[1:]
		next(yield)
	})
	got := x.take()
	for i := range got {
		if got[i].At <= 0 {
			t.Errorf("%+v has no time", got[i])
		}
		got[i].At = 0
	}
	want := []workload.Expiry{{Key: "a", Position: 3}, {Position: 7, Exist: map[string]bool{"b": true}}, {Key: "b", Position: 9}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := x.end(); !errors.Is(err, over) {
		t.Error(err)
	}
	if more := x.take(); len(more) > 0 {
		t.Errorf("%+v is taken twice", more)
	}
}
