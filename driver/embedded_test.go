package driver

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// fakeReplica is a node in the same process.
type fakeReplica struct {
	closed   atomic.Bool
	connects atomic.Int64
	serves   atomic.Bool
	position atomic.Uint64
	value    []byte
}

func (r *fakeReplica) Connect(context.Context) (wire.Conn, error) {
	if r.closed.Load() {
		return nil, errors.Join(errors.New("the node was stopped"), wire.ErrNodeClosed)
	}
	r.connects.Add(1)
	return fakeReplicaConn{r}, nil
}

type fakeReplicaConn struct{ r *fakeReplica }

func (c fakeReplicaConn) Get(_ context.Context, _ string, position uint64, _ bool) (wire.Reply, error) {
	if !c.r.serves.Load() {
		return wire.Reply{Status: wire.StatusUnavailable}, nil
	}
	return wire.Reply{Position: max(position, c.r.position.Load()), Version: 1, Data: c.r.value}, nil
}

func (c fakeReplicaConn) Write(_ context.Context, _ uint64, cmd wire.Command) (wire.Reply, error) {
	if cmd.Op != wire.OpOpenSession && cmd.Session == 0 {
		return wire.Reply{Status: wire.StatusBadRequest}, nil
	}
	return wire.Reply{Position: c.r.position.Add(1)}, nil
}

func (c fakeReplicaConn) Submit(_ context.Context, writes []wire.Submission, sink wire.Sink) (int, error) {
	outcomes := make([]wire.Outcome, len(writes))
	for i := range writes {
		outcomes[i] = wire.Outcome{Tag: writes[i].Tag, Reply: wire.Reply{Position: c.r.position.Add(1)}}
	}
	sink.Settle(outcomes)
	return len(writes), nil
}

func (c fakeReplicaConn) Ping(context.Context) error { return nil }
func (c fakeReplicaConn) Info() wire.Info            { return wire.Info{Group: 1, Generation: 1, NodeID: "n1"} }
func (c fakeReplicaConn) Close() error               { return nil }

// A read of an embedded replica costs no memory, whatever its context.
func TestEmbeddedGetTakesNoMemory(t *testing.T) {
	r := &fakeReplica{value: []byte("value")}
	r.serves.Store(true)
	db := OpenDB(r)
	closeLater(t, db)
	cancellable, cancel := context.WithCancel(t.Context())
	defer cancel()
	endless := context.Background() //nolint:usetesting // one that cannot end
	for name, ctx := range map[string]context.Context{"endless": endless, "cancellable": cancellable} {
		if n := testing.AllocsPerRun(1000, func() {
			r.position.Add(1)
			if v, err := db.Get(ctx, "key"); err != nil || string(v.Data) != "value" {
				t.Fatal(v, err)
			}
			if _, err := db.Get(ctx, "key", Strong); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if _, err := db.Set(cancellable, "key", nil); err != nil {
		t.Error(err)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := db.Set(endless, "key", r.value); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a write: %v allocations", n)
	}
}

// A node that does not serve for a while is asked again; one that was closed
// ends the operation.
func TestEmbeddedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &fakeReplica{}
		db := OpenDB(r)
		closeLater(t, db)
		ended := make(chan error)
		go func() {
			_, err := db.Get(t.Context(), "k")
			ended <- err
		}()
		<-timeAfterTTL()
		wantErr(t, <-ended, ErrUnavailable, context.DeadlineExceeded)
		if n := r.connects.Load(); n < 10 || n > 200 {
			t.Errorf("%d connections in 30 s", n)
		}
		r.serves.Store(true)
		if _, err := db.Get(t.Context(), "k"); err != nil {
			t.Error(err)
		}
		r.serves.Store(false)
		r.closed.Store(true)
		_, err := db.Get(t.Context(), "k")
		wantErr(t, err, ErrClosed, wire.ErrNodeClosed)
	})
}
