package bench

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/bench/report"
	"github.com/seed-8247e700/dsm/driver"
	"github.com/seed-8247e700/dsm/internal/check"
)

// TestWatchersSeeTheOrder watches real groups, with a watcher that does not read.
func TestWatchersSeeTheOrder(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"transactions": func(c *Config) { c.Name = "bank" },
		"embedded":     func(c *Config) { c.Embedded = true },
		"processes":    func(c *Config) { c.Processes = true },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := shortConfig()
			cfg.Watchers, cfg.Stuck = 3, 1
			change(&cfg)
			r := passes(t, cfg)
			i := slices.IndexFunc(r.Checks, func(c check.Result) bool { return c.Name == "watches" })
			if c := r.Checks[max(i, 0)]; i < 0 || c.Events < 3*uint64(cfg.Keys) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// changesOfOrder are those of an order.
var changesOfOrder = []struct {
	position uint64
	key      string
	value    uint64
	deleted  bool
}{{1, "p/a", 11, false}, {3, "p/n", 13, false}, {5, "p/n", 17, false}, {6, "p/n", 0, true}, {6, "p/a", 11, false}}

// ordered is what watchers of that order are held against.
func ordered() *watchers {
	w := &watchers{}
	for _, e := range changesOfOrder {
		w.order.add(e.position, e.key, e.value, e.deleted)
	}
	return w
}

// seen is what a watcher has seen of that order, but for a change that it has missed, if
// any, or has changed.
func seen(missed int, change func(i int, position *uint64, key *string, value *uint64, deleted *bool)) *watcher {
	one := &watcher{}
	for i, e := range changesOfOrder {
		if change != nil {
			change(i, &e.position, &e.key, &e.value, &e.deleted)
		}
		if i != missed {
			one.seen.add(e.position, e.key, e.value, e.deleted)
		}
	}
	return one
}

// TestWatchersAreHeldAgainstTheOrder holds that each difference is found.
func TestWatchersAreHeldAgainstTheOrder(t *testing.T) {
	lagged := seen(4, nil)
	lagged.lagged = &driver.LaggedError{}
	resumed := seen(4, nil)
	resumed.lagged, resumed.resumed = lagged.lagged, true
	failed := seen(-1, nil)
	failed.err = errors.New("the connection broke")
	for name, of := range map[string]struct {
		one  *watcher
		text string
	}{
		"all":     {seen(-1, nil), ""},
		"resumed": {resumed, ""},
		"missed":  {seen(2, nil), "saw 4 changes"},
		"the end": {seen(4, nil), "the last at position 6"},
		"value":   {seen(-1, func(i int, _ *uint64, _ *string, value *uint64, _ *bool) { *value += uint64(i / 2) }), "saw 5 changes"},
		"place":   {seen(-1, func(_ int, position *uint64, _ *string, _ *uint64, _ *bool) { *position = max(*position, 2) }), "saw 5 changes"},
		"key":     {seen(-1, func(_ int, _ *uint64, key *string, _ *uint64, _ *bool) { *key += "x" }), "saw 5 changes"},
		"kind":    {seen(-1, func(_ int, _ *uint64, _ *string, _ *uint64, deleted *bool) { *deleted = false }), "saw 5 changes"},
		"lagged":  {lagged, "saw 4 changes"},
		"failed":  {failed, "the connection broke"},
	} {
		w := ordered()
		w.list = []*watcher{seen(-1, nil), of.one}
		var r report.Report
		w.report(&r)
		c := r.Checks[0]
		if c.Pass() != (of.text == "") || !strings.Contains(strings.Join(c.Texts, "\n"), of.text) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
