package bench

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// TestWatchersSeeTheOrder watches real groups, with a watcher that does not read.
func TestWatchersSeeTheOrder(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"connections": func(*Config) {},
		"embedded":    func(c *Config) { c.Embedded = true },
		"processes":   func(c *Config) { c.Processes = true },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := shortConfig()
			cfg.Watchers, cfg.Stuck = 3, 1
			change(&cfg)
			r := passes(t, cfg)
			c := r.Checks[len(r.Checks)-1]
			if c.Name != "watches" || c.Events < 3*uint64(cfg.Keys) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// ordered is a chain of an order of every kind of write.
func ordered() *watchers {
	w := &watchers{order: orderChain{prefix: "p/", counters: make(map[string]int64)}}
	for i, e := range []check.Entry{
		{Command: wire.Command{Op: wire.OpSet, Key: "p/a", Value: []byte("1")}, OK: true},
		{Command: wire.Command{Op: wire.OpSet, Key: "elsewhere"}, OK: true},
		{Command: wire.Command{Op: wire.OpAdd, Key: "p/n", Delta: 3}, OK: true},
		{Command: wire.Command{Op: wire.OpCompareAndSet, Key: "p/a"}},
		{Command: wire.Command{Op: wire.OpAdd, Key: "p/n", Delta: 4}, OK: true},
		{Command: wire.Command{Op: wire.OpDelete, Key: "p/n"}, OK: true},
		{Command: wire.Command{Op: wire.OpAdd, Key: "p/n", Delta: 5}, OK: true},
		{Command: wire.Command{Op: wire.OpTick}, OK: true},
	} {
		e.Position = uint64(i + 1)
		w.order.take(&e)
	}
	return w
}

// seen is what a watcher has seen of that order, but for a change that it has missed, if
// any, or has with another value.
func seen(missed, changed int) *watcher {
	one := &watcher{}
	for i, e := range []struct {
		position uint64
		key      string
		value    string
	}{{1, "p/a", "1"}, {3, "p/n", "3"}, {5, "p/n", "7"}, {6, "p/n", ""}, {7, "p/n", "5"}} {
		switch i {
		case missed:
		case changed:
			one.seen.add(e.position, e.key, []byte("other"), false)
		default:
			one.seen.add(e.position, e.key, []byte(e.value), e.position == 6)
		}
	}
	return one
}

// TestWatchersAreHeldAgainstTheOrder holds that each difference is found.
func TestWatchersAreHeldAgainstTheOrder(t *testing.T) {
	lagged := seen(4, -1)
	lagged.lagged = &driver.LaggedError{}
	resumed := seen(4, -1)
	resumed.lagged, resumed.resumed = lagged.lagged, true
	failed := seen(-1, -1)
	failed.err = errors.New("the connection broke")
	for name, of := range map[string]struct {
		one  *watcher
		text string
	}{
		"all":     {seen(-1, -1), ""},
		"resumed": {resumed, ""},
		"missed":  {seen(2, -1), "saw 4 changes"},
		"the end": {seen(4, -1), "the last at position 6"},
		"changed": {seen(-1, 0), "saw 5 changes"},
		"lagged":  {lagged, "saw 4 changes"},
		"failed":  {failed, "the connection broke"},
	} {
		w := ordered()
		w.list = []*watcher{seen(-1, -1), of.one}
		var r report.Report
		w.report(&r)
		c := r.Checks[0]
		if c.Pass() != (of.text == "") || !strings.Contains(strings.Join(c.Texts, "\n"), of.text) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
