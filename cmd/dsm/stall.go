package main

import (
	"context"
	"time"
)

// stall ends the context of a command that has waited for its group as long as
// --timeout allows, at one time. What the command takes to print does not count.
type stall struct {
	timer   *time.Timer
	timeout time.Duration
}

// endless is a deadline that does not come. A context that has it is not given the
// timeout of a handle.
const endless = 100 * 365 * 24 * time.Hour

// stalling returns a context for a command that runs as long as it makes progress. The
// command waits for the group from now on. The caller must call stop.
func (t *target) stalling(parent context.Context) (ctx context.Context, s *stall, stop func()) {
	ctx, cancel := context.WithTimeout(parent, endless)
	s = &stall{timer: time.AfterFunc(t.timeout, cancel), timeout: t.timeout}
	return ctx, s, func() {
		s.timer.Stop()
		cancel()
	}
}

// progress says that the group has answered. The command waits for it again when show
// has returned.
func (s *stall) progress(show func() error) error {
	s.timer.Stop()
	defer s.timer.Reset(s.timeout)
	return show()
}
