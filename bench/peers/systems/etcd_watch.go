package systems

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed-8247e700/dsm/bench/peers/point"
)

// etcdWatchers are watches on connections of their own.
type etcdWatchers struct {
	clients []*clientv3.Client
	prefix  string
	from    int64 // revision
}

// Watchers begin after a write that was acknowledged.
func (s *etcd) Watchers(ctx context.Context, _ int, prefix string) (point.Watchers, error) {
	r, err := s.clients[0].Put(ctx, "ready", "1")
	if err != nil {
		return nil, err
	}
	w := &etcdWatchers{prefix: prefix, from: r.Header.Revision + 1}
	if w.clients, err = s.connect(watchConns); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Run watches on one of the connections.
func (w *etcdWatchers) Run(ctx context.Context, i int, see point.See) error {
	for r := range w.clients[i%len(w.clients)].Watch(ctx, w.prefix, clientv3.WithPrefix(), clientv3.WithRev(w.from)) {
		if err := r.Err(); err != nil {
			return err
		}
		for _, e := range r.Events {
			if e.Type != clientv3.EventTypePut {
				return fmt.Errorf("systems: etcd sent a %v of %q", e.Type, e.Kv.Key)
			}
			if err := see(string(e.Kv.Key), e.Kv.Value, uint64(e.Kv.ModRevision)); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// Close ends the connections.
func (w *etcdWatchers) Close() error {
	var errs []error
	for _, c := range w.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
