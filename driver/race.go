package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// headStart is how long one server is waited for before the next is tried beside
// it, as RFC 8305 has it for addresses: a server that hangs, or that no packet
// reaches, then costs this and not the whole time to dial.
const headStart = 500 * time.Millisecond

// race connects to the first of a list of servers that answers well.
type race struct {
	servers    *servers
	bound      *binding
	only       bool // there is no choice: nothing is said against the server
	candidates []string

	results  chan dialled
	started  int          // candidates that were tried, from the first on
	pending  map[int]bool // of these, those without a result
	other    *dialled     // of another group, taken if there is nothing better
	failures []error
}

// dialled is the outcome of dialling one candidate.
type dialled struct {
	index int
	conn  *client.Conn
	err   error
}

// run returns the connection and its server.
func (r *race) run(ctx context.Context) (wire.Conn, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer r.end(cancel)
	r.results = make(chan dialled, len(r.candidates))
	r.pending = make(map[int]bool)
	slow := time.NewTimer(headStart)
	defer slow.Stop()
	for r.started < len(r.candidates) || len(r.pending) > 0 {
		// Either the last one failed, or its head start is over.
		if r.started < len(r.candidates) {
			r.start(ctx)
			slow.Reset(headStart)
		}
		select {
		case d := <-r.results:
			delete(r.pending, d.index)
			if r.good(d) {
				r.overtaken(d.index)
				return d.conn, r.candidates[d.index], nil
			}
		case <-slow.C:
		}
	}
	if other := r.other; other != nil {
		r.other = nil
		return other.conn, r.candidates[other.index], nil
	}
	return nil, "", errors.Join(r.failures...)
}

// start dials the next candidate.
func (r *race) start(ctx context.Context) {
	index := r.started
	r.started++
	r.pending[index] = true
	go func() {
		conn, err := r.servers.dial(ctx, r.candidates[index], r.bound)
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
		r.bad(d.index, errors.Join(fmt.Errorf("driver: server %s: %w", r.candidates[d.index], errOlder), d.conn.Close()))
	}
	return false
}

// bad notes why a candidate does not win.
func (r *race) bad(index int, err error) {
	r.failures = append(r.failures, err)
	if !r.only {
		r.servers.failed(r.candidates[index])
	}
}

// overtaken notes that the winner was quicker than candidates that were tried
// before it.
func (r *race) overtaken(winner int) {
	for index := range r.pending {
		if index < winner {
			r.servers.failed(r.candidates[index])
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
}
