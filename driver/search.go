package driver

import (
	"context"
	"sync"

	"github.com/seed-8247e700/dsm/internal/client"
)

// search finds out which servers there are now, and at which addresses: it asks the
// registry and looks up names, all at once. Each time that something is found it
// sends nil, and otherwise why not; it closes the channel once there is nothing more
// to be found, or the context has ended.
func (s *servers) search(ctx context.Context) <-chan error {
	news := make(chan error)
	tell := func(err error) {
		select {
		case news <- err:
		case <-ctx.Done():
		}
	}
	go func() {
		defer close(news)
		ctx, cancel := context.WithTimeout(ctx, s.dsn.DialTimeout)
		defer cancel()
		found, err := s.dsn.Find(ctx, s.options)
		if err != nil {
			tell(err)
			s.mu.Lock()
			found = s.known // their names may stand for other addresses by now
			s.mu.Unlock()
		} else {
			s.list(found)
			tell(nil)
		}
		var lookups sync.WaitGroup
		for _, server := range found {
			if s.needsLookup(server) {
				lookups.Go(func() { tell(s.look(ctx, server)) })
			}
		}
		lookups.Wait()
	}()
	return news
}

// look looks a name up, and notes what it stands for.
func (s *servers) look(ctx context.Context, name string) error {
	addrs, err := client.Resolve(ctx, s.lookup(), name)
	if err == nil {
		s.resolve(name, addrs)
	}
	return err
}
