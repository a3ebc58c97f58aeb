package report

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/history"
)

// ended is an operation that ended at so many milliseconds, in a run whose time
// that counts is from 1 s to 4 s.
func ended(kind history.Kind, at int64, err error) *load.Record {
	return &load.Record{
		Op: history.Op{Kind: kind, End: at * int64(time.Millisecond)}, Err: err,
		Counts: true, From: int64(time.Second), Until: int64(4 * time.Second),
	}
}

func TestOutages(t *testing.T) {
	// What ended before 3400 ms is excused.
	o := Outages{Excuse: func(_, to int64) bool { return to < int64(3400*time.Millisecond) }}
	for _, r := range []*load.Record{
		ended(history.Set, 900, nil), ended(history.Set, 1100, nil), ended(history.Get, 1200, nil),
		ended(history.Set, 1900, errors.New("no")), ended(history.Add, 3000, nil), ended(history.Set, 3010, nil),
		ended(history.Get, 3300, driver.ErrUnavailable), ended(history.Get, 3500, driver.ErrUnavailable), ended(history.Set, 4001, nil),
	} {
		o.Add(r)
	}
	want := []Second{{Writes: 1, Reads: 1, Errors: 1}, {}, {Writes: 2, Errors: 2}}
	if diff := cmp.Diff(want, o.Seconds); diff != "" {
		t.Errorf("seconds (want, got): %s", diff)
	}
	if o.Surprises != 2 || o.Surprise != "client 0, after 1.90 s: no" {
		t.Errorf("%d surprises, such as %q", o.Surprises, o.Surprise)
	}
	for _, test := range []struct {
		p              *pulse
		from, to, want int64
	}{
		{&o.Writes, 1000, 4000, 1900}, // between two
		{&o.Writes, 2000, 4000, 1000}, // what is left of it
		{&o.Writes, 2000, 2500, 500},  // nothing at all
		{&o.Writes, 1000, 1300, 200},  // to the end
		{&o.Writes, 1000, 1150, 100},  // from the begin
		{&o.Writes, 3000, 4000, 990},  // after the last
		{&o.Reads, 1000, 4000, 2800},
		{&pulse{}, 1000, 4000, 3000},
	} {
		ms := int64(time.Millisecond)
		if got := test.p.Longest(test.from*ms, test.to*ms); got != time.Duration(test.want*ms) {
			t.Errorf("longest from %d to %d is %v, want %d ms", test.from, test.to, got, test.want)
		}
	}
}
