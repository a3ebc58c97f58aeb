package driver

import (
	"context"
	"io"
	"testing"
	"testing/synctest"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// lateReplica is a node in the same process that answers reads at once, and
// asynchronous writes when it is told to.
type lateReplica struct {
	fakeReplica
	release chan struct{}
}

func (r *lateReplica) Connect(context.Context) (io.Closer, error) {
	return lateConn{fakeReplicaConn{&r.fakeReplica}, r}, nil
}

type lateConn struct {
	fakeReplicaConn
	r *lateReplica
}

func (c lateConn) Submit(_ context.Context, writes []wire.Submission, sink wire.Sink) (int, error) {
	outcomes := make([]wire.Outcome, len(writes))
	for i := range writes {
		outcomes[i].Tag = writes[i].Tag
	}
	go func() {
		<-c.r.release
		for i := range outcomes {
			outcomes[i].Reply.Position = c.r.position.Add(1)
		}
		sink.Settle(outcomes)
	}()
	return len(writes), nil
}

func (c lateConn) Reader() wire.LocalReader { return lateReader{c.r} }

type lateReader struct{ r *lateReplica }

func (l lateReader) Get(_ string, position uint64) (data []byte, version, reflects uint64, ok bool) {
	return l.r.value, 1, max(position, l.r.position.Load()), true
}

// The short way of a read does not overtake the session's asynchronous writes.
func TestLocalReadWaitsForAsyncWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &lateReplica{release: make(chan struct{})}
		r.serves.Store(true)
		db := OpenDB(r)
		defer db.Close()
		read := func() {
			if _, err := db.Get(t.Context(), "k"); err != nil {
				t.Error(err)
			}
		}
		read() // by the short way from here on
		future := db.SetAsync(t.Context(), "k", []byte("v"))
		done := make(chan struct{})
		go func() {
			defer close(done)
			read()
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Error("the read did not wait for the write before it")
		default:
		}
		close(r.release)
		<-done
		if _, err := future.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
