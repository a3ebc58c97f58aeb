package driver

import (
	"context"
	"math/rand/v2"
	"runtime"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/session"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// pump sends the stream's writes until it is over. What is issued while it is at
// work goes with the next batch.
func (s *stream) pump() {
	var batch []wire.Submission
	for s.ctx.Err() == nil {
		s.release()
		s.writer.mu.Lock()
		step, pause := s.writes.Step()
		s.writer.mu.Unlock()
		switch step {
		case session.Rest:
			_ = client.Sleep(s.ctx, pause) // its end is seen above
		case session.Park:
			select {
			case <-s.wake:
				// Let goroutines that can issue now do so: that makes larger batches.
				runtime.Gosched()
			case <-s.ctx.Done():
			}
		default:
			batch = s.send(batch[:0])
		}
	}
	s.writer.mu.Lock()
	left := s.writes.Left()
	s.writer.mu.Unlock()
	for _, a := range left {
		s.handle.db.pool.put(a.link)
	}
}

// release gives back the links on which nothing is under way any more, and gives up
// a server that does not do well.
func (s *stream) release() {
	s.writer.mu.Lock()
	idle, blamed, suspect := s.writes.Release(nil)
	s.writer.mu.Unlock()
	pool := s.handle.db.pool
	if suspect {
		pool.giveUpServer(blamed.link)
	}
	for _, a := range idle {
		pool.put(a.link)
	}
}

// send hands the next batch of the present run to its connection. It returns the
// batch, which is used again.
func (s *stream) send(batch []wire.Submission) []wire.Submission {
	a := s.attempt()
	if a == nil {
		return batch
	}
	s.writer.mu.Lock()
	s.writes.Batch(a, func(ordinal uint64, op *session.Operation, f *Future) {
		if op.Attempts() > 1 {
			s.handle.db.retries.Add(1)
		}
		batch = append(batch, wire.Submission{Tag: ordinal, Command: f.command()})
		s.writer.session.Number(op, &batch[len(batch)-1].Command)
	})
	s.writer.mu.Unlock()
	if len(batch) == 0 {
		return batch
	}
	taken, err := a.link.conn.Submit(s.ctx, batch, a)
	if taken < len(batch) {
		s.writer.mu.Lock()
		if err != nil {
			s.last = err
		}
		s.writes.NotTaken(a, batch[taken].Tag, len(batch)-taken, err != nil, rand.Float64())
		s.writer.mu.Unlock()
	}
	clear(batch)
	return batch
}

// attempt returns the present run on its link. It waits for a link, and returns nil
// when there is none for now.
func (s *stream) attempt() *attempt {
	s.writer.mu.Lock()
	a, ok := s.writes.Present(func(a *attempt) bool { return !a.link.retired.Load() })
	s.writer.mu.Unlock()
	if ok {
		return a
	}
	l, err := s.link()
	if err != nil {
		if s.ctx.Err() == nil && permanentOutcome(err) {
			s.failAll(err)
		}
		return nil
	}
	if l.bound != s.state.bound {
		s.handle.state.CompareAndSwap(s.state, newState(l.bound))
		s.handle.db.pool.put(l)
		s.end(l.otherGeneration())
		return nil
	}
	a = &attempt{stream: s, link: l}
	s.writer.mu.Lock()
	s.writes.Begin(a)
	s.writer.mu.Unlock()
	return a
}

// link returns a link, begun.
func (s *stream) link() (*link, error) {
	pool := s.handle.db.pool
	if l := pool.pick(); l != nil {
		return l, nil
	}
	// What waits for a link has given up by then.
	ctx, cancel := context.WithTimeout(s.ctx, s.handle.db.timeout)
	defer cancel()
	return pool.get(ctx, s.handle)
}

// failAll fails all that is outstanding, because there will be no connection.
func (s *stream) failAll(cause error) {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	s.writes.GiveUp(func(_ *session.Operation, f *Future) { s.giveUpLocked(f, cause, s.last) })
	s.concludeLocked()
}
