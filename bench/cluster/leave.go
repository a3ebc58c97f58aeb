package cluster

import (
	"errors"
	"fmt"
	"time"
)

// leaveLimit is how long a node may take to leave.
const leaveLimit = 2 * time.Minute

// sendAway has a node leave the group. One that crashes, or has not left in time, is told as
// a loss.
func (b *Breakable) sendAway(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.seats[name]
	s.run++
	s.wanted = false
	s.leaving++
	child := s.child
	b.revivals.Go(func() {
		err := b.awaitLeave(child, leaveLimit)
		b.mu.Lock()
		s.leaving--
		b.mu.Unlock()
		if err != nil {
			b.nodeEnded(name, fmt.Errorf("leaving: %w", err))
		}
	})
	return child.leave()
}

// awaitLeave waits until a process that is to leave has ended. It kills one that takes longer
// than limit, and, without an error, one that has not ended with the group. What else keeps
// a process from leaving in order, it has said itself.
func (b *Breakable) awaitLeave(child *Process, limit time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- child.asCrash(child.wait()) }()
	late := time.NewTimer(limit)
	defer late.Stop()
	var err error
	select {
	case err = <-ended:
	case <-late.C:
		err = errors.Join(fmt.Errorf("%w: it has not left the group for %v", ErrCrashed, limit), child.Kill(), <-ended)
	case <-b.ctx.Done():
		_ = child.Kill() // an error means that it has ended
		err = <-ended
	}
	if errors.Is(err, ErrCrashed) {
		return err
	}
	return nil
}
