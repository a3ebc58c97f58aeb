package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// race connects to the first of a handle's servers that answers well, as session.Race
// decides.
type race struct {
	servers *servers
	bound   *session.Binding
	decides *session.Race
	results chan dialled
	other   *client.Conn // taken if there is nothing better

	failures []error
	news     <-chan error // of the search for servers, nil once that has ended
}

// dialled is the outcome of dialling one server.
type dialled struct {
	index int
	conn  *client.Conn
	err   error
}

// run returns the connection and its server: only, unless that is "".
func (r *race) run(ctx context.Context, only string) (wire.Conn, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer r.end(cancel)
	r.results = make(chan dialled)
	var wait time.Duration
	if only != "" {
		r.decides, wait = session.NewDial(only)
	} else {
		candidates, stays := r.servers.candidates()
		r.decides, wait = session.NewRace(candidates, stays, client.Stagger)
		r.news = r.servers.search(ctx)
	}
	slow := time.NewTimer(wait)
	defer slow.Stop()
	for !r.decides.Over() {
		if index, server, wait, ok := r.decides.Start(); ok {
			slow.Reset(wait)
			go func() {
				conn, err := r.servers.dial(ctx, server, r.bound)
				r.results <- dialled{index, conn, err}
			}()
		}
		select {
		case d := <-r.results:
			if r.wins(d) {
				return d.conn, r.decides.Server(d.index), nil
			}
		case err, more := <-r.news:
			r.found(err, more)
		case <-slow.C:
			r.decides.Slow()
		}
	}
	if index, ok := r.decides.Last(); ok {
		other := r.other
		r.other = nil
		return other, r.decides.Server(index), nil
	}
	err := errors.Join(r.failures...)
	if err == nil { // the context ended before anything was tried
		err = cmp.Or(ctx.Err(), client.ErrNoServers)
	}
	return nil, "", err
}

// found takes what the search has found, or that it has ended.
func (r *race) found(err error, more bool) {
	if err != nil {
		r.failures = append(r.failures, err)
		r.decides.NotFound()
		return
	}
	now, _ := r.servers.candidates()
	if more {
		r.decides.Found(now)
		return
	}
	r.news = nil
	r.decides.Searched(now)
}

// wins takes the outcome of dialling a server, and reports whether its connection is
// taken.
func (r *race) wins(d dialled) bool {
	relation := session.Unreached
	if d.err == nil {
		relation = r.bound.Compare(bindingOf(d.conn.Info()))
	}
	fate, failed := r.decides.Dialled(d.index, relation)
	for _, server := range failed {
		r.servers.avoid(server)
	}
	switch {
	case fate == session.Won:
		return true
	case fate == session.Kept:
		r.other = d.conn
	case d.err != nil:
		r.failures = append(r.failures, d.err)
	default:
		r.failures = append(r.failures, fmt.Errorf("driver: server %s: %w", r.decides.Server(d.index), errOlder), d.conn.Close())
	}
	return false
}

// end gives up what is still being dialled, and closes what is not needed.
func (r *race) end(cancel context.CancelFunc) {
	cancel()
	for range r.decides.Pending() {
		if d := <-r.results; d.err == nil {
			_ = d.conn.Close() // it was not needed
		}
	}
	if r.other != nil {
		_ = r.other.Close() // it was not needed
	}
	if r.news != nil {
		for range r.news { //nolint:revive // until the search has ended
		}
	}
}
