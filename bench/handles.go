package bench

import (
	"context"
	"errors"

	"github.com/seed-8247e700/dsm/driver"
)

// handles are what the clients of a run share. Client i uses handle i modulo
// their number, in a session of its own.
type handles []*driver.DB

// Open begins a client's session.
func (h handles) Open(ctx context.Context, client int) (memory, error) {
	conn, err := h[client%len(h)].Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &driverSession{conn: conn}, nil
}

func (h handles) close() error {
	var errs []error
	for _, db := range h {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// openNodeHandles opens handles over TCP that stay with one node each: conns
// for each address, each with one connection, in turns, so that clients are
// spread evenly.
func openNodeHandles(addrs []string, conns int) (handles, error) {
	var h handles
	for range conns {
		for _, addr := range addrs {
			db, err := driver.Open("dsm://" + addr)
			if err != nil {
				return nil, errors.Join(err, h.close())
			}
			db.SetMaxOpenConns(1)
			h = append(h, db)
		}
	}
	return h, nil
}

// placements is how often a handle is opened, at most, to get it to the node
// that has the fewest.
const placements = 16

// openSpreadHandles opens handles by a name that stands for several servers,
// and that stay with the group when a node leaves. The driver chooses servers
// by chance; a handle at a server that has its share already is opened again,
// a few times.
func openSpreadHandles(ctx context.Context, dsn string, nodes, conns int) (handles, error) {
	var h handles
	share := make(map[string]int)
	for range nodes * conns {
		for try := range placements {
			db, err := driver.Open(dsn)
			if err != nil {
				return nil, errors.Join(err, h.close())
			}
			db.SetMaxOpenConns(1)
			if err := db.Ping(ctx); err != nil {
				return nil, errors.Join(err, db.Close(), h.close())
			}
			if server := db.Stats().Server; share[server] < conns || try == placements-1 {
				share[server]++
				h = append(h, db)
				break
			}
			if err := db.Close(); err != nil {
				return nil, errors.Join(err, h.close())
			}
		}
	}
	return h, nil
}
