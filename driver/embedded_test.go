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

// fakeReplica is a node in the same process.
type fakeReplica struct {
	closed   atomic.Bool
	connects atomic.Int64
	serves   atomic.Bool
	position atomic.Uint64
	value    []byte
}

func (r *fakeReplica) Connect(context.Context) (io.Closer, error) {
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

// stuckReplica is a node in the same process that answers nothing but what opens a
// session, and lends its connections nothing that they could close.
type stuckReplica struct {
	fakeReplica
	absent bool // there is no connection to it either
}

func (r *stuckReplica) Connect(ctx context.Context) (io.Closer, error) {
	if r.absent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return stuckConn{fakeReplicaConn{&r.fakeReplica}, context.Background()}, nil
}

type stuckConn struct {
	fakeReplicaConn
	within context.Context
}

func (c stuckConn) Within(ctx context.Context, _ string, _ wire.Secret) wire.Conn {
	return stuckConn{c.fakeReplicaConn, ctx}
}

func (c stuckConn) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.within.Done():
		return errors.New("the connection was closed")
	}
}

func (c stuckConn) Get(ctx context.Context, _ string, _ uint64, _ bool) (wire.Reply, error) {
	return wire.Reply{}, c.wait(ctx)
}

func (c stuckConn) Write(ctx context.Context, position uint64, cmd wire.Command) (wire.Reply, error) {
	if cmd.Op == wire.OpOpenSession || cmd.Op == wire.OpCloseSession {
		return c.fakeReplicaConn.Write(ctx, position, cmd)
	}
	return wire.Reply{}, c.wait(ctx)
}

func (c stuckConn) Submit(_ context.Context, writes []wire.Submission, _ wire.Sink) (int, error) {
	return len(writes), nil
}

func (c stuckConn) Ping(ctx context.Context) error { return c.wait(ctx) }

// Close of a handle on a node in the same process ends what the node does not
// answer, or what waits for the node, although the node and its connections go on.
func TestCloseEndsEmbeddedOperations(t *testing.T) {
	for loop, absent := range map[string]bool{"in flight": false, "connecting": true} {
		for name, operation := range operations {
			for kind, newContext := range contexts {
				t.Run(loop+"/"+name+"/"+kind, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						ctx, cancel := newContext()
						defer cancel()
						db := OpenDB(&stuckReplica{absent: absent})
						ended := make(chan error, 1)
						go func() { ended <- operation(ctx, db) }()
						synctest.Wait()
						if stuck := len(ended) == 0; stuck == (name == "Flush" || name == "SessionID" && !absent) {
							t.Fatalf("stuck: %t", stuck)
						} else if !stuck {
							_ = db.Close()
							return
						}
						began := time.Now()
						_ = db.Close() // what was given up is not this test's
						wantErr(t, <-ended, ErrClosed)
						if took := time.Since(began); took > closeTimeout {
							t.Errorf("it ended %v after the Close", took)
						}
					})
				})
			}
		}
	}
}
