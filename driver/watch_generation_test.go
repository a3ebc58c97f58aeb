package driver

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// watchedReplica is a fake replica with watches, whose generation can change.
type watchedReplica struct {
	fakeReplica
	generation atomic.Uint64
	refuse     atomic.Int64 // so many attempts break off, and their sinks are told
	watches    chan wire.EventSink
}

func (r *watchedReplica) Connect(context.Context) (io.Closer, error) {
	return watchedConn{fakeReplicaConn{&r.fakeReplica}, r, r.generation.Load()}, nil
}

type watchedConn struct {
	fakeReplicaConn
	r          *watchedReplica
	generation uint64
}

func (c watchedConn) Info() wire.Info {
	return wire.Info{Group: 1, Generation: c.generation, NodeID: "n1"}
}

func (c watchedConn) Watch(_ context.Context, position uint64, _ wire.WatchQuery, sink wire.EventSink) (wire.Watching, wire.Reply, error) {
	if c.r.refuse.Add(-1) >= 0 {
		sink.Event(&wire.Event{Kind: wire.EventEnded, Status: wire.StatusInterrupted, Last: true})
		return nil, wire.Reply{}, errors.New("the connection broke")
	}
	c.r.watches <- sink
	return noWatching{}, wire.Reply{Position: position}, nil
}

func (c watchedConn) Scan(context.Context, uint64, *wire.ScanQuery) (wire.Reply, error) {
	return wire.Reply{Status: wire.StatusUnsupported}, nil
}

type noWatching struct{}

func (noWatching) Grant(uint64) {}
func (noWatching) Stop()        {}

func newWatchedReplica(t *testing.T) (*watchedReplica, *DB) {
	r := &watchedReplica{watches: make(chan wire.EventSink, 10)}
	r.serves.Store(true)
	r.position.Store(5)
	r.generation.Store(1)
	db := OpenDB(r)
	t.Cleanup(func() { _ = db.Close() })
	return r, db
}

// put sends a watch a change.
func put(sink wire.EventSink, position uint64) {
	sink.Event(&wire.Event{Kind: wire.EventPut, Last: true, Position: position, Key: "k"})
}

// TestWatchMeetsAnotherGeneration holds that a watch ends when its group has begun again, also
// if the handle has read something there before.
func TestWatchMeetsAnotherGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, db := newWatchedReplica(t)
		go func() { put(<-r.watches, 7) }()
		begun := time.Now()
		seen := 0
		for e, err := range db.Watch(t.Context(), From(1)) {
			if seen++; seen > 1 {
				if !errors.Is(err, ErrGeneration) || time.Since(begun) > 2*time.Second {
					t.Errorf("%+v, %v after %v", e, err, time.Since(begun))
				}
				break
			}
			if err != nil || e.Position != 7 {
				t.Fatalf("%+v, %v", e, err)
			}
			r.generation.Store(2)
			db.pool.giveUpServer((*db.pool.links.Load())[0])
			if _, err := db.Get(t.Context(), "k"); !errors.Is(err, ErrGeneration) {
				t.Fatal(err)
			}
			if _, err := db.Get(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestWatchBeginsOnce holds that an attempt which broke off does not end the next one: what
// its sink was told is no word of the server where the watch goes on.
func TestWatchBeginsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, db := newWatchedReplica(t)
		r.refuse.Store(1)
		go func() {
			sink := <-r.watches
			synctest.Wait() // the watch is under way, and waits
			put(sink, 7)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for e, err := range db.Watch(ctx, From(1)) {
			if err != nil || e.Position != 7 {
				t.Errorf("%+v, %v", e, err)
			}
			break
		}
		if n := len(r.watches); n != 0 {
			t.Errorf("the watch was begun %d times more", n)
		}
	})
}
