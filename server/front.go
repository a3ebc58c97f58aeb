package server

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/sparelog"
	"github.com/seed-8247e700/dsm/internal/store"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// turns is how the front brings work to whoever owns the turn. The turnstile is one.
type turns interface {
	post(fn func(*member.Member)) bool
	submit(b batch) (taken int)
	submitWithin(ctx, within context.Context, b batch) (taken int)
	awaitRoom(ctx, within context.Context) bool
}

// front serves the clients of a replica: those on connections, and the process itself.
// The fields at the end belong to whoever owns the turn.
type front struct {
	cfg    *Config
	log    *slog.Logger
	node   string // its id
	limits store.Limits
	reader *member.Reader
	turns  turns
	ended  <-chan struct{}                // closed when the replica has ended
	goOn   func(work func())              // does it on a goroutine that the replica's end waits for
	info   func() wire.Info               // what the handshake says
	status func(m *member.Member) *Status // within a turn

	clients  clientSet
	resting  atomic.Int64  // connections that rest after refusals of what no client may have
	crowding atomic.Int64  // and after those of too many sessions
	memory   atomic.Int64  // bytes that are kept for clients, see account.go
	cutting  sync.Mutex    // held while clients are cut off for that
	crowded  sparelog.Gate // of lines about sessions

	dirty        []*clientConn // have replies of this turn
	settling     []*localSink  // have outcomes of this turn
	listings     listings
	watches      *watches
	scans        scans
	sessionPages sessionPages
	statuses     statuses
	deliveries   feedLog // for the feeds of clients
	feeds        []*feed // of clients
	joiners      []*feed // each with a log of its own
}

// begin gives the front what it begins with.
func (f *front) begin() {
	f.watches = newWatches(f)
	f.statuses.f = f
	f.deliveries.memory = &f.memory
	f.scans = make(scans, scansAtOnce)
	f.sessionPages = make(sessionPages, 1)
}

// endTurn ends a turn: it publishes the deliveries, writes the replies, once to each
// client, and tells the process itself the outcomes of what it has submitted.
func (f *front) endTurn(m *member.Member) {
	f.publishFeeds(m)
	f.watches.delivered()
	f.settle()
	for _, c := range f.dirty {
		c.flush()
	}
	clear(f.dirty)
	f.dirty = f.dirty[:0]
}

// touch has the connection flushed at the end of the turn.
func (f *front) touch(c *clientConn) {
	if !c.touched {
		c.touched = true
		f.dirty = append(f.dirty, c)
	}
}

// delivered takes what was delivered, for those who read the deliveries.
func (f *front) delivered(d *wire.Delivery) {
	f.feed(d) // copies, before the program has the bytes in its hands
	if f.cfg.OnDeliver != nil {
		f.onDeliver(d)
		d.Effects = nil // the program may keep them
	}
}

// pulse does what depends on time.
func (f *front) pulse() { f.expireListings(time.Now()) }

// goAway tells all clients that no new requests are welcome here.
func (f *front) goAway(reason string) {
	for _, c := range f.clients.all(false) {
		c.goAway(reason)
	}
}

// end ends the feeds with the replica, for a reason. What was added to them before still
// goes out.
func (f *front) end(reason error) {
	for _, feed := range slices.Concat(f.feeds, f.joiners) {
		feed.close(reason)
	}
	f.feeds, f.joiners = nil, nil
}

// close closes the connections, once the replica has ended.
func (f *front) close() {
	for _, c := range f.clients.all(true) {
		c.end()
	}
}
