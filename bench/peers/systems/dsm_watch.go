package systems

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-8247e700/dsm/bench/peers/point"
	"github.com/seed-8247e700/dsm/driver"
)

// dsmWatchers are watches on handles of their own, each with one connection, or on the
// nodes of this process.
type dsmWatchers struct {
	handles []*driver.DB
	own     bool // the handles were opened for them
	prefix  string
	from    uint64
}

// Watchers begin after a write that was acknowledged.
func (s *dsm) Watchers(ctx context.Context, _ int, prefix string) (point.Watchers, error) {
	from, err := s.handles[0].Set(ctx, "ready", nil)
	if err != nil {
		return nil, err
	}
	if len(s.addrs) == 0 {
		return &dsmWatchers{handles: s.handles, prefix: prefix, from: from}, nil
	}
	w := &dsmWatchers{own: true, prefix: prefix, from: from}
	for i := range watchConns {
		db, err := driver.Open("dsm://" + s.addrs[i%len(s.addrs)] + "/?max_open_conns=1")
		if err == nil {
			w.handles = append(w.handles, db)
			err = db.Ping(ctx)
		}
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	return w, nil
}

// Run watches on one of the handles.
func (w *dsmWatchers) Run(ctx context.Context, i int, see point.See) error {
	for e, err := range w.handles[i%len(w.handles)].Watch(ctx, driver.Prefix(w.prefix), driver.From(w.from)) {
		if err == nil && e.Kind != driver.EventPut {
			err = fmt.Errorf("systems: dsm sent a %v of %q", e.Kind, e.Key)
		}
		if err == nil {
			err = see(e.Key, e.Data, e.Position)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Close ends the handles that were opened.
func (w *dsmWatchers) Close() error {
	var errs []error
	if w.own {
		for _, db := range w.handles {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
