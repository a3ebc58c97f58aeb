package driver

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// Bounds of what the pump hands to a connection at once. It holds the writer's
// lock meanwhile.
const (
	batchWrites = 256
	batchBytes  = 256 << 10
)

// roomPause is how long the pump waits for a connection whose room is all taken by
// others, of which it hears nothing.
const roomPause = time.Millisecond

// pump sends the stream's writes until it is over. What is issued while it is at
// work goes with the next batch.
func (s *stream) pump() {
	var batch []wire.Submission
	for s.ctx.Err() == nil {
		s.release()
		s.writer.mu.Lock()
		delay := s.delay
		s.delay = 0
		idle := delay == 0 && (s.starved || !s.pipeline.Unsent())
		s.parked = idle
		s.writer.mu.Unlock()
		switch {
		case delay > 0:
			_ = client.Sleep(s.ctx, delay) // its end is seen above
		case idle:
			select {
			case <-s.wake:
				// Whoever can issue now may join in: it makes one batch of many.
				runtime.Gosched()
			case <-s.ctx.Done():
			}
		default:
			batch = s.send(batch[:0])
		}
	}
	s.writer.mu.Lock()
	left := s.past
	if s.present != nil {
		left = append(left, s.present)
	}
	s.present, s.past = nil, nil
	s.writer.mu.Unlock()
	for _, a := range left {
		s.handle.db.pool.put(a.link)
	}
}

// release gives back the links on which nothing is under way any more, and gives up
// a server that does not do well.
func (s *stream) release() {
	s.writer.mu.Lock()
	if p := s.present; p != nil && (p.run != s.pipeline.Run() || p.inFlight == 0 && !s.pipeline.Unsent()) {
		s.past, s.present = append(s.past, p), nil
	}
	var done []*attempt
	s.past = slices.DeleteFunc(s.past, func(a *attempt) bool {
		if a.inFlight == 0 {
			done = append(done, a)
		}
		return a.inFlight == 0
	})
	suspect := s.suspect
	s.suspect = nil
	s.writer.mu.Unlock()
	pool := s.handle.db.pool
	if suspect != nil {
		pool.fail(suspect.link)
	}
	for _, a := range done {
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
	batch = s.batchLocked(a, batch)
	s.writer.mu.Unlock()
	if len(batch) == 0 {
		return batch
	}
	taken, err := a.link.conn.Submit(s.ctx, batch, a)
	if taken < len(batch) {
		s.writer.mu.Lock()
		s.notTakenLocked(a, batch[taken:], err)
		s.writer.mu.Unlock()
	}
	clear(batch)
	return batch
}

// batchLocked takes what is to be sent next.
func (s *stream) batchLocked(a *attempt, batch []wire.Submission) []wire.Submission {
	if a.run != s.pipeline.Run() {
		return batch // something went wrong with it in the meantime
	}
	for bytes := 0; len(batch) < batchWrites && bytes < batchBytes; {
		ordinal, op, f, ok := s.pipeline.Next()
		if !ok {
			break
		}
		if op.Attempts() > 1 {
			s.handle.db.retries.Add(1)
		}
		batch = append(batch, wire.Submission{Tag: ordinal, Command: f.command()})
		s.writer.session.Number(op, &batch[len(batch)-1].Command)
		bytes += len(f.value)
	}
	a.inFlight += len(batch)
	return batch
}

// notTakenLocked takes back what the connection had no room for, or why it takes
// nothing more.
func (s *stream) notTakenLocked(a *attempt, rest []wire.Submission, err error) {
	a.inFlight -= len(rest)
	s.pipeline.Unsend(a.run, rest[0].Tag)
	switch {
	case err != nil:
		s.last = err
		s.failLocked(a, true)
	case a.run != s.pipeline.Run():
	case a.inFlight > 0:
		s.starved = true
	default:
		s.delay = roomPause
	}
}

// attempt returns the present run on its link. It waits for a link, and returns nil
// when there is none for now.
func (s *stream) attempt() *attempt {
	s.writer.mu.Lock()
	a := s.present
	if a != nil && a.link.retired.Load() {
		// What is under way may be answered, or not; what is not has to go
		// elsewhere, in order.
		s.pipeline.Again(a.run)
	}
	if a != nil && a.run != s.pipeline.Run() {
		s.past, s.present, a = append(s.past, a), nil, nil
	}
	s.writer.mu.Unlock()
	if a != nil {
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
		s.end(fmt.Errorf("%w (node %s, group %x, generation %d)", ErrGeneration, l.info.NodeID, l.info.Group, l.info.Generation))
		return nil
	}
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	s.present = &attempt{stream: s, run: s.pipeline.Run(), link: l}
	return s.present
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
	for s.pipeline.Open() > 0 {
		s.giveUpLocked(func(f *Future) { f.giveUp(cause, s.last) })
	}
	s.concludeLocked()
}
