package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/sim/oracle"
	"github.com/seed-8247e700/dsm/internal/wire"
	"github.com/seed-8247e700/dsm/registry/membership"
)

const ms = time.Millisecond

// timedWorld is a world of which only what concerns time is there.
func timedWorld(drift float64) (*world, *order) {
	w := newWorld(1, Options{})
	w.traits.drift, w.traits.tick, w.traits.agreed = drift, 100*ms, false
	return w, newOrder(w, 1)
}

// A position came when the first replica had applied it.
func TestCameAt(t *testing.T) {
	w, o := timedWorld(0)
	for _, m := range []moment{{5, 10 * ms}, {3, 20 * ms}, {5, 30 * ms}, {9, 40 * ms}} {
		w.Now = m.at
		o.came(m.last)
	}
	for position, want := range map[uint64]time.Duration{1: 10 * ms, 5: 10 * ms, 6: 40 * ms, 9: 40 * ms} {
		if got := o.cameAt(position); got != want {
			t.Errorf("%d came at %v, want %v", position, got, want)
		}
	}
}

// How much true time passes while members count.
func TestTrueTime(t *testing.T) {
	w, _ := timedWorld(0.25)
	w.jumps = []jump{{10 * ms, 20 * ms}, {50 * ms, 30 * ms}, {60 * ms, time.Hour}}
	for _, tc := range []struct{ d, from, want time.Duration }{
		{1000 * ms, 61 * ms, 800*ms - time.Microsecond},
		{1000 * ms, 60 * ms, 720*ms - time.Microsecond}, // one tick counts 100 ms
		{1000 * ms, 50 * ms, 696*ms - time.Microsecond},
		{1000 * ms, 0, 680*ms - time.Microsecond},
		{100 * ms, 0, 0},
	} {
		if got := w.leastTrue(tc.d, tc.from); got != tc.want {
			t.Errorf("%v from %v on: at least %v, want %v", tc.d, tc.from, got, tc.want)
		}
	}
	if got := w.mostTrue(300 * ms); got != 400*ms+time.Microsecond {
		t.Errorf("at most %v", got)
	}
}

// A variable that expires early ends the run, and one that does not is kept for porcupine.
func TestEarly(t *testing.T) {
	for _, tc := range []struct {
		at    time.Duration
		early bool
	}{{59 * ms, true}, {60*ms - 2*time.Microsecond, true}, {60 * ms, false}, {time.Hour, false}} {
		w, o := timedWorld(0)
		w.Now = 10 * ms
		o.came(5)
		o.at = tc.at
		found := caught(func() { o.expired(7, oracle.Expiry{Key: "k", TTL: 50, Set: 5, Version: 4}) })
		if strings.HasPrefix(found, `time: "k" expires at 7`) != tc.early || (len(o.expiries) == 0) != tc.early {
			t.Errorf("at %v: %q, %d expiries", tc.at, found, len(o.expiries))
		}
		if !tc.early && (o.expiries[0].Start != int64(60*ms-time.Microsecond) || o.expiries[0].End != int64(tc.at) || o.expiries[0].Version != 4) {
			t.Errorf("at %v: %+v", tc.at, o.expiries[0])
		}
	}
}

// A session that expires early ends the run, and a variable that goes with its owner does not.
func TestEndedEarly(t *testing.T) {
	for _, tc := range []struct {
		at    time.Duration
		early bool
	}{{59 * ms, true}, {60*ms - 2*time.Microsecond, true}, {60 * ms, false}, {time.Hour, false}} {
		w, o := timedWorld(0)
		w.Now = 10 * ms
		o.came(5)
		o.at = tc.at
		found := caught(func() { o.ended(7, oracle.End{Session: 3, TTL: 50, Last: 5}) })
		if strings.HasPrefix(found, "time: session 3 expires at 7") != tc.early {
			t.Errorf("at %v: %q", tc.at, found)
		}
	}
	w, o := timedWorld(0)
	w.Now = 10 * ms
	o.came(5)
	o.at = 11 * ms
	found := caught(func() { o.expired(7, oracle.Expiry{Key: "k", TTL: 50, Set: 5, Version: 4, Owner: 3}) })
	if found != "" || len(o.expiries) > 0 || len(o.orphans) != 1 {
		t.Fatalf("%q, %d expiries, %d of variables with an owner", found, len(o.expiries), len(o.orphans))
	}
	if one := o.orphans[0]; one.Start != int64(10*ms) || one.End != int64(11*ms) || one.Version != 4 {
		t.Errorf("%+v", one)
	}
}

// caught is the violation with which fn ends.
func caught(fn func()) (found string) {
	defer func() {
		if v, ok := recover().(violation); ok {
			found = string(v)
		}
	}()
	fn()
	return ""
}

// In a group at rest a variable that is still there after its time ends the run, unless its
// TTL is so long that nobody waits.
func TestLate(t *testing.T) {
	for name, tc := range map[string]struct {
		tick time.Duration // when it expires
		ttl  uint64
		end  time.Duration // of the wait
		late bool
	}{
		"in time":   {tick: 152 * ms, ttl: 50, end: 152*ms + time.Microsecond},
		"late":      {tick: 153 * ms, ttl: 50, late: true},
		"never":     {ttl: 50, late: true},
		"long":      {ttl: 6000, late: true},
		"very long": {ttl: 6001},
	} {
		w, o := timedWorld(0)
		w.registry, w.orders = &registry{disk: membership.State{Generation: 1}}, []*order{o}
		w.traits.latency, w.traits.jitter, w.traits.spike, w.traits.pace = ms, ms, 4*ms+ms/2, 0 // 8 of them are 52 ms
		position := uint64(0)
		next := func(c wire.Command, number int64, data ...byte) {
			position++
			o.came(position)
			o.at = w.Now
			o.oracle.Command(position, &c, &wire.Result{Position: position, Number: number}, data)
		}
		txn := wire.Txn{Then: []wire.TxnOp{{Kind: wire.TxnPut, Key: "k", TTL: tc.ttl}}}
		next(wire.Command{Op: wire.OpOpenSession}, 0)
		next(wire.Command{Op: wire.OpTxn, Session: 1, Seq: 1, Floor: 1, Value: txn.Append(nil)}, wire.TxnThen, 0)
		next(wire.Command{Op: wire.OpClock, Expect: 2}, 0)
		if tc.tick > 0 {
			w.At(tc.tick, func() { next(wire.Command{Op: wire.OpClock, Delta: 51, Expect: 2}, 0) })
		}
		found := caught(w.expire)
		if strings.HasPrefix(found, `time: "k" of TTL`) != tc.late || !tc.late && (found != "" || w.Now != tc.end) {
			t.Errorf("%s: %q at %v", name, found, w.Now)
		}
		if want := tc.end > 0; want != (w.counts.InTime == 1) {
			t.Errorf("%s: %d in time", name, w.counts.InTime)
		}
	}
}
