package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// headStart is how long one server is waited for before the next is tried beside
// it, as RFC 8305 has it for addresses: a server that hangs, or that no packet
// reaches, then costs this and not the whole time to dial.
const headStart = 500 * time.Millisecond

// race connects to the first of a handle's servers that answers well. Servers that
// are found in the meantime join it, those that are gone leave it.
type race struct {
	servers *servers
	bound   *binding
	only    bool // there is no choice: nothing is said against the server

	queue    []string        // servers to be tried, the next one first
	tried    map[string]bool // those that were
	order    []string        // of these, as they were tried
	results  chan dialled
	pending  map[int]bool // of order, those without a result
	other    *dialled     // of another group, taken if there is nothing better
	failures []error

	news     <-chan error // of the search for servers, nil once that has ended
	searched bool         // whatever there is was found
}

// dialled is the outcome of dialling one server.
type dialled struct {
	index int // in race.order
	conn  *client.Conn
	err   error
}

// run returns the connection and its server.
func (r *race) run(ctx context.Context) (wire.Conn, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer r.end(cancel)
	r.results = make(chan dialled)
	r.pending, r.tried = make(map[int]bool), make(map[string]bool)
	slow := time.NewTimer(headStart)
	defer slow.Stop()
	next := true // the next one may be tried
	wait := headStart
	if !r.only {
		r.queue = r.servers.candidates()
		r.searched = true
		r.news = r.servers.search(ctx)
		if len(r.queue) > 0 && !r.servers.stays() {
			// Those found in a moment are as good as those known.
			next = false
			slow.Reset(resolutionDelay)
		}
	}
	for len(r.queue) > 0 || len(r.pending) > 0 || r.news != nil {
		if next && len(r.queue) > 0 {
			r.start(ctx)
			next = false
			slow.Reset(wait)
		}
		select {
		case d := <-r.results:
			delete(r.pending, d.index)
			if r.good(d) {
				r.overtaken(d.index)
				return d.conn, r.order[d.index], nil
			}
			next = true // in place of that
		case err, more := <-r.news:
			next = r.found(err, more) || next
		case <-slow.C:
			next = true // beside it
			if len(r.pending) > 0 {
				wait = max(wait/2, client.Stagger) // many that hang cost little more than one
			}
		}
	}
	if other := r.other; other != nil {
		r.other = nil
		return other.conn, r.order[other.index], nil
	}
	err := errors.Join(r.failures...)
	if err == nil { // the context ended before anything was tried
		err = cmp.Or(ctx.Err(), client.ErrNoServers)
	}
	return nil, "", err
}

// found takes what the search has found, or that it has ended. It reports whether
// the next server is to be tried now: there is nothing to wait for any more, or only
// for servers that are gone.
func (r *race) found(err error, more bool) bool {
	switch {
	case err != nil:
		r.failures = append(r.failures, err)
		r.searched = false
		return false
	case !more:
		r.news = nil
		if !r.searched {
			return len(r.pending) == 0
		}
	}
	before, now := r.queue, r.servers.candidates()
	waits := false // for one that has its head start
	for index := range r.pending {
		waits = waits || slices.Contains(now, r.order[index])
	}
	r.queue = slices.DeleteFunc(now, func(server string) bool { return r.tried[server] })
	fresh := slices.ContainsFunc(r.queue, func(server string) bool { return !slices.Contains(before, server) })
	return !waits && (fresh || r.news == nil)
}

// start dials the next server.
func (r *race) start(ctx context.Context) {
	index, server := len(r.order), r.queue[0]
	r.queue = r.queue[1:]
	r.order = append(r.order, server)
	r.tried[server], r.pending[index] = true, true
	go func() {
		conn, err := r.servers.dial(ctx, server, r.bound)
		r.results <- dialled{index, conn, err}
	}()
}

// good reports whether a candidate wins.
func (r *race) good(d dialled) bool {
	if d.err != nil {
		r.bad(d.index, d.err)
		return false
	}
	switch relation := compare(r.bound, d.conn.Info()); {
	case relation == relationSame || relation == relationNewer:
		return true
	case relation == relationOther && r.other == nil && !r.only:
		r.other = &d
	default:
		r.bad(d.index, errors.Join(fmt.Errorf("driver: server %s: %w", r.order[d.index], errOlder), d.conn.Close()))
	}
	return false
}

// bad notes why a candidate does not win.
func (r *race) bad(index int, err error) {
	r.failures = append(r.failures, err)
	if !r.only {
		r.servers.failed(r.order[index])
	}
}

// overtaken notes that the winner was quicker than candidates that were tried
// before it.
func (r *race) overtaken(winner int) {
	for index := range r.pending {
		if index < winner {
			r.servers.failed(r.order[index])
		}
	}
}

// end gives up what is still being dialled, and closes what is not needed.
func (r *race) end(cancel context.CancelFunc) {
	cancel()
	for range r.pending {
		if d := <-r.results; d.err == nil {
			_ = d.conn.Close() // it was not needed
		}
	}
	if r.other != nil {
		_ = r.other.conn.Close() // it was not needed
	}
	if r.news != nil {
		for range r.news { //nolint:revive // until the search has ended
		}
	}
}
