package netfault

import (
	"context"
	"slices"
	"sync"
	"time"
)

// bucketTime is how long a pipe at rest saves up what it may carry: it passes that much
// at once. It makes up for a timer that is late.
const bucketTime = 20 * time.Millisecond

// pipe carries so many bytes a second, of all ways that go through it. It is a token
// bucket that lends: what is larger than the bucket passes too, and what comes after it
// waits for longer.
type pipe struct {
	bytesPerSecond int64
	healed         chan struct{} // closed when the pipe narrows nothing any more

	mu   sync.Mutex // guards what follows
	free time.Time  // when all that it was given has passed
}

// take gives the pipe n bytes, at most chunkBytes, and returns when they have passed.
func (p *pipe) take(now time.Time, n int) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if full := now.Add(-bucketTime); p.free.Before(full) {
		p.free = full
	}
	p.free = p.free.Add(time.Duration(int64(n) * int64(time.Second) / p.bytesPerSecond))
	return p.free
}

// pieceBytes is how much is given to the pipe at once, so that the ways that share it
// have turns.
func (p *pipe) pieceBytes() int {
	return max(1, int(min(chunkBytes, p.bytesPerSecond*int64(bucketTime)/int64(time.Second))))
}

// piece is how much is given at once to pipes that stand one behind the other, of n bytes.
func piece(pipes []*pipe, n int) int {
	for _, p := range pipes {
		n = min(n, p.pieceBytes())
	}
	return n
}

// carry waits until n bytes have passed pipes that stand one behind the other. It does
// not wait for a pipe that heals. It reports false if the context ended first.
func carry(ctx context.Context, pipes []*pipe, n int) bool {
	now := time.Now()
	passed := now
	var healed <-chan struct{}
	for _, p := range pipes {
		if at := p.take(now, n); at.After(passed) {
			passed, healed = at, p.healed
		}
	}
	if healed == nil {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(passed.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-healed:
		return true
	case <-ctx.Done():
		return false
	}
}

// Slow makes ways carry so many bytes a second together, above 0, until the function that
// it returns is called. A way that is slowed more than once has the least of the rates.
func (p *Proxy) Slow(bytesPerSecond int64, ways ...Way) (heal func()) {
	one := &pipe{bytesPerSecond: bytesPerSecond, healed: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range ways {
		// The list is read without the lock.
		p.pipes[w] = append(slices.Clone(p.pipes[w]), one)
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range ways {
			p.pipes[w] = slices.DeleteFunc(slices.Clone(p.pipes[w]), func(other *pipe) bool { return other == one })
		}
		close(one.healed)
	}
}

// pipesOf returns the pipes of a way.
func (p *Proxy) pipesOf(w Way) []*pipe {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pipes[w]
}
