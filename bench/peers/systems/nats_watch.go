package systems

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-8247e700/dsm/bench/peers/point"
)

// natsWatchers are watches on connections of their own, to the server that leads the
// bucket, as all are.
type natsWatchers struct {
	conns   []*nats.Conn
	watches []jetstream.KeyWatcher
}

// Watchers watch the whole bucket, which has nothing but the keys: a prefix would have to
// end at a dot.
func (s *natsKV) Watchers(ctx context.Context, n int, _ string) (_ point.Watchers, err error) {
	w := &natsWatchers{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	var clients []natsClient
	for range watchConns {
		conn, client, err := s.connect(ctx)
		if err != nil {
			return nil, err
		}
		w.conns, clients = append(w.conns, conn), append(clients, client)
	}
	for i := range n {
		watch, err := clients[i%len(clients)].kv.WatchAll(ctx, jetstream.UpdatesOnly())
		if err != nil {
			return nil, err
		}
		w.watches = append(w.watches, watch)
	}
	return w, nil
}

// Run takes what one of the watches has.
func (w *natsWatchers) Run(ctx context.Context, i int, see point.See) error {
	for {
		select {
		case e, ok := <-w.watches[i].Updates():
			if !ok {
				return errors.New("systems: NATS has ended a watch")
			}
			if e == nil { // the end of what there was before
				continue
			}
			if e.Operation() != jetstream.KeyValuePut {
				return fmt.Errorf("systems: NATS sent a %v of %q", e.Operation(), e.Key())
			}
			if err := see(e.Key(), e.Value(), e.Revision()); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close ends the connections, and with them the watches.
func (w *natsWatchers) Close() error {
	for _, c := range w.conns {
		c.Close()
	}
	return nil
}
