package driver_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/registry"
	"github.com/seed-8247e700/dsm/server"
)

// handles are a networked handle and an embedded one.
func handles(t *testing.T) map[string]*driver.DB {
	t.Helper()
	networked, err := driver.Open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	both := map[string]*driver.DB{"networked": networked, "embedded": driver.OpenDB(node)}
	t.Cleanup(func() {
		for _, h := range both {
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return both
}

var runs atomic.Uint64

// fresh is a prefix under which there is nothing yet.
func fresh(prefix string) string { return fmt.Sprintf("%s/%d/", prefix, runs.Add(1)) }

// within is a context for a test that could wait for ever.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// puller takes the events of a watch one by one.
type puller struct {
	t    *testing.T
	next func() (driver.Event, error, bool)
}

func pull(t *testing.T, events iter.Seq2[driver.Event, error]) *puller {
	next, stop := iter.Pull2(events)
	t.Cleanup(stop)
	return &puller{t, next}
}

// want takes an event, and compares it in short.
func (p *puller) want(short string) driver.Event {
	p.t.Helper()
	e, err, ok := p.next()
	if err != nil || !ok {
		p.t.Fatalf("%v, want %s", err, short)
	}
	got := fmt.Sprintf("%s %s=%s", e.Kind, e.Key, e.Data)
	if e.Old.Version != 0 {
		got += fmt.Sprintf(" was %s", e.Old.Data)
	}
	if got != short {
		p.t.Fatalf("%s (%+v), want %s", got, e, short)
	}
	return e
}

func set(t *testing.T, db *driver.DB, key, value string) uint64 {
	t.Helper()
	version, err := db.Set(ctx, key, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func TestWatch(t *testing.T) {
	for name, db := range handles(t) {
		t.Run(name, func(t *testing.T) {
			prefix := fresh("watch/" + name)
			first := set(t, db, prefix+"a", "1")
			set(t, db, "elsewhere", "x")
			w := pull(t, db.Watch(within(t), driver.Prefix(prefix), driver.From(first-1), driver.WithOld))
			if e := w.want("put " + prefix + "a=1"); e.Position != first || e.Version != first || !e.Last {
				t.Errorf("%+v", e)
			}
			set(t, db, prefix+"a", "2")
			w.want("put " + prefix + "a=2 was 1")
			set(t, db, "elsewhere", "y")
			if _, err := db.Delete(ctx, prefix+"a"); err != nil {
				t.Fatal(err)
			}
			w.want("delete " + prefix + "a= was 2")
			set(t, db, prefix+"empty", "")
			if e := w.want("put " + prefix + "empty="); e.Data == nil {
				t.Error("an empty value is nil")
			}
		})
	}
}

func TestWatchInitial(t *testing.T) {
	for name, db := range handles(t) {
		t.Run(name, func(t *testing.T) {
			prefix := fresh("initial/" + name)
			none := pull(t, db.Watch(within(t), driver.Prefix(prefix), driver.Initial))
			none.want("synced =")
			set(t, db, prefix+"b", "2")
			version := set(t, db, prefix+"a", "1")
			none.want("put " + prefix + "b=2")
			w := pull(t, db.Watch(within(t), driver.Prefix(prefix), driver.Initial))
			if e := w.want("initial " + prefix + "a=1"); e.Version != version || e.Position < version {
				t.Errorf("%+v", e)
			}
			set(t, db, prefix+"b", "3") // after the scan's position
			w.want("initial " + prefix + "b=2")
			if e := w.want("synced ="); e.Position < version {
				t.Errorf("%+v", e)
			}
			w.want("put " + prefix + "b=3")
		})
	}
}

func TestWatchOptions(t *testing.T) {
	for _, options := range [][]driver.WatchOption{
		{driver.Initial, driver.From(1)},
		{driver.Prefix("a"), driver.Prefix("b")},
		{driver.Range("b", "a")},
		{driver.Progress(time.Millisecond)},
	} {
		for _, err := range db.Watch(ctx, options...) {
			if !errors.Is(err, driver.ErrOption) {
				t.Errorf("%v: %v", options, err)
			}
		}
	}
	for _, err := range db.Watch(ctx, driver.Key("")) {
		if !errors.Is(err, driver.ErrInvalidKey) {
			t.Error(err)
		}
	}
}

// TestWatchEnds holds that each end of a watch has its error.
func TestWatchEnds(t *testing.T) {
	for name := range handles(t) {
		t.Run(name, func(t *testing.T) {
			db := handles(t)[name]
			ends := fresh("ends")
			short, cancel := context.WithCancel(ctx)
			begun := set(t, db, ends, "1")
			w := pull(t, db.Watch(short, driver.Key(ends), driver.From(begun-1)))
			w.want("put " + ends + "=1")
			cancel()
			if _, err, ok := w.next(); !errors.Is(err, context.Canceled) || !ok {
				t.Errorf("%v, %v", err, ok)
			}
			if _, _, ok := w.next(); ok {
				t.Error("a watch goes on after its error")
			}
			own, err := db.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			w = pull(t, own.Watch(within(t), driver.Key(ends), driver.From(begun-1)))
			w.want("put " + ends + "=1")
			if err := own.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err, _ := w.next(); !errors.Is(err, driver.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

func TestScan(t *testing.T) {
	for name, db := range handles(t) {
		t.Run(name, func(t *testing.T) {
			prefix := fresh("scan/" + name)
			for _, key := range []string{"b", "a", "d", "c"} {
				set(t, db, prefix+key, "of "+key)
			}
			position := set(t, db, prefix+"z", "last")
			if _, err := db.Delete(ctx, prefix+"z"); err != nil {
				t.Fatal(err)
			}
			set(t, db, prefix+"a", "new")
			of := driver.Prefix(prefix)
			for _, c := range []struct {
				options []driver.ScanOption
				want    string
			}{
				{[]driver.ScanOption{of}, "a=new b=of b c=of c d=of d"},
				{[]driver.ScanOption{of, driver.Reverse, driver.Limit(2)}, "d=of d c=of c"},
				{[]driver.ScanOption{of, driver.KeysOnly}, "a= b= c= d="},
				{[]driver.ScanOption{driver.Range(prefix+"b", prefix+"d")}, "b=of b c=of c"},
				{[]driver.ScanOption{driver.Key(prefix + "b")}, "b=of b"},
				{[]driver.ScanOption{of, driver.At(position)}, "a=of a b=of b c=of c d=of d z=last"},
				{[]driver.ScanOption{driver.Prefix(prefix + "nothing")}, ""},
			} {
				var got []string
				for item, err := range db.Scan(ctx, c.options...) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, fmt.Sprintf("%s=%s", strings.TrimPrefix(item.Key, prefix), item.Data))
				}
				if strings.Join(got, " ") != c.want {
					t.Errorf("%v: %q, want %q", c.options, got, c.want)
				}
			}
			for position, want := range map[uint64]int{position: 5, 0: 4} {
				options := []driver.ScanOption{of}
				if position > 0 {
					options = append(options, driver.At(position))
				}
				if n, err := db.Count(ctx, options...); n != want || err != nil {
					t.Errorf("%d at %d (%v), want %d", n, position, err, want)
				}
			}
		})
	}
}

func TestScanOptions(t *testing.T) {
	for _, options := range [][]driver.ScanOption{
		{driver.Limit(0)}, {driver.Prefix("a"), driver.Key("b")}, {driver.Range("b", "b")},
	} {
		for _, err := range db.Scan(ctx, options...) {
			if !errors.Is(err, driver.ErrOption) {
				t.Errorf("%v: %v", options, err)
			}
		}
	}
	for _, option := range []driver.ScanOption{driver.Limit(1), driver.Reverse, driver.KeysOnly} {
		if _, err := db.Count(ctx, option); !errors.Is(err, driver.ErrOption) {
			t.Errorf("%v: %v", option, err)
		}
	}
}

// TestScanManyPages reads more than one page has, and leaves a loop early.
func TestScanManyPages(t *testing.T) {
	for name, db := range handles(t) {
		t.Run(name, func(t *testing.T) {
			prefix, value := fresh("pages/"+name), []byte(strings.Repeat("v", 100_000))
			const n = 20
			for i := range n {
				db.SetAsync(ctx, fmt.Sprintf("%s%02d", prefix, i), value)
			}
			if err := db.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			seen := 0
			for item, err := range db.Scan(ctx, driver.Prefix(prefix)) {
				if err != nil || item.Key != fmt.Sprintf("%s%02d", prefix, seen) || len(item.Data) != len(value) {
					t.Fatalf("%q, %d bytes (%v)", item.Key, len(item.Data), err)
				}
				seen++
			}
			if seen != n {
				t.Errorf("%d items", seen)
			}
			for _, err := range db.Scan(ctx, driver.Prefix(prefix)) {
				if err != nil {
					t.Error(err)
				}
				break
			}
		})
	}
}

// TestWatchFailsOver stops the nodes of a group one by one, each replaced by another: a watch
// misses nothing and returns nothing twice.
func TestWatchFailsOver(t *testing.T) {
	ctx := within(t)
	quiet := slog.New(slog.DiscardHandler)
	reg, err := server.StartRegistry(ctx, server.RegistryConfig{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	nodes := map[int]*server.Node{}
	start := func(i int) {
		n, err := server.Start(ctx, server.Config{ID: fmt.Sprintf("n%d", i), Registry: reg.Addr(), Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = n
	}
	stopAll := func(reg *registry.Registry) {
		for _, n := range nodes {
			if err := n.Close(); err != nil && !errors.Is(err, server.ErrLastMember) {
				t.Error(err)
			}
		}
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { stopAll(reg) })
	for i := range 2 {
		start(i)
	}
	db, err := driver.Open("dsm+registry://" + reg.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	first := set(t, db, "k", "0")
	w := pull(t, db.Watch(ctx, driver.Prefix(""), driver.From(first-1)))
	w.want("put k=0")
	written := 0
	for round := range 3 {
		for range 5 {
			written++
			set(t, db, "k", fmt.Sprint(written))
		}
		w.want(fmt.Sprintf("put k=%d", written-4)) // some are left behind
		start(2 + round)
		if err := nodes[round].Close(); err != nil {
			t.Fatal(err)
		}
		delete(nodes, round)
		written++
		set(t, db, "k", fmt.Sprint(written))
		for i := written - 4; i <= written; i++ {
			w.want(fmt.Sprintf("put k=%d", i))
		}
	}
}

// TestScanManyNames counts and lists more names than a server looks at in one go.
func TestScanManyNames(t *testing.T) {
	for name, db := range handles(t) {
		t.Run(name, func(t *testing.T) {
			prefix := fresh("names/" + name)
			const n = 5000
			for i := range n {
				db.SetAsync(ctx, fmt.Sprintf("%s%04d", prefix, i), nil)
			}
			if err := db.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			if count, err := db.Count(ctx, driver.Prefix(prefix)); count != n || err != nil {
				t.Errorf("%d names (%v)", count, err)
			}
			seen := n
			for item, err := range db.Scan(ctx, driver.Prefix(prefix), driver.KeysOnly, driver.Reverse) {
				if seen--; err != nil || item.Key != fmt.Sprintf("%s%04d", prefix, seen) {
					t.Fatalf("%q (%v)", item.Key, err)
				}
			}
			if seen != 0 {
				t.Errorf("%d names are missing", seen)
			}
		})
	}
}
