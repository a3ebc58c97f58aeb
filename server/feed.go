package server

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
)

// feed carries the node's deliveries to one reader on a connection: a joiner,
// or a client that subscribed. It is a place in a log: clients share one, a joiner has
// its own. Whoever adds to the log never waits; a goroutine writes. When readers are
// too far behind, the one that is furthest is cut off: see front.publishFeeds.
type feed struct {
	conn   net.Conn
	joiner uint64 // incarnation of the joiner it is for, 0: a client's
	log    *feedLog

	// The log's mutex guards what follows.
	more   sync.Cond    // something was published, or the feed closed
	less   sync.Cond    // something was taken or written, or the feed closed
	chunk  *feedChunk   // has its place in the log; nil after it was cut
	read   int          // bytes of the chunk that are written
	inHand int          // bytes after them that the writer has taken
	frames []feedFrames // that go out between deliveries, in order
	waits  int          // bytes of them, with those that the writer has taken
	writes int          // bytes of them that the writer has taken
	asleep bool         // the log has it among those to wake
	until  uint64       // once it is closed: the end of the log then
	lagged bool
	err    error

	deadlineErr error // of limiting the last writes
}

// feedFrames are frames for one reader, and their place between the deliveries.
type feedFrames struct {
	at    uint64 // bytes of the log before them
	bytes []byte
}

// lagGrace is how long a reader that was cut off has to take what was on its
// way, and the notice that it lags.
const lagGrace = 10 * time.Second

// newFeed returns a feed of what is added to the log from now on.
func newFeed(conn net.Conn, log *feedLog) *feed {
	f := &feed{conn: conn, log: log}
	f.more.L, f.less.L = &log.mu, &log.mu
	log.mu.Lock()
	defer log.mu.Unlock()
	f.chunk = log.lastLocked()
	f.read = len(f.chunk.bytes)
	f.chunk.feeds++
	return f
}

// addFrame adds a frame for this reader, after the deliveries that the log has.
func (f *feed) addFrame(appendTo func([]byte) []byte) {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	if f.endedLocked() {
		return
	}
	end := f.log.last.end()
	last := len(f.frames) - 1
	if last < 0 || f.frames[last].at != end || len(f.frames[last].bytes) >= feedChunkBytes {
		f.frames = append(f.frames, feedFrames{at: end})
		last++
	}
	frames := &f.frames[last]
	before := len(frames.bytes)
	frames.bytes = appendTo(frames.bytes)
	f.waits += len(frames.bytes) - before
	f.log.frames += len(frames.bytes) - before
	f.log.countLocked()
}

// publish wakes the writer.
func (f *feed) publish() {
	f.more.Signal()
}

// cut ends the feed of a reader that is too far behind.
func (f *feed) cut() {
	f.log.mu.Lock()
	if f.lagged {
		f.log.mu.Unlock()
		return
	}
	f.releaseLocked()
	f.lagged, f.log.ended = true, true
	f.chunk, f.frames = nil, nil
	f.inHand, f.waits, f.writes = 0, 0, 0
	f.deadlineErr = f.conn.SetWriteDeadline(time.Now().Add(lagGrace))
	f.log.mu.Unlock()
	f.more.Broadcast()
	f.less.Broadcast()
}

// close ends the feed; what has been added before still goes out.
func (f *feed) close(err error) {
	f.log.mu.Lock()
	f.releaseLocked()
	if f.err == nil {
		f.err, f.until = err, f.log.last.end()
		f.log.ended = true
	}
	f.log.mu.Unlock()
	f.more.Broadcast()
	f.less.Broadcast()
}

func (f *feed) endedLocked() bool { return f.err != nil || f.lagged }

// releaseLocked has the log keep nothing more for a feed that is about to end.
func (f *feed) releaseLocked() {
	if !f.endedLocked() {
		f.chunk.feeds--
		f.log.frames -= f.waits
		f.log.trimLocked()
	}
}

// standing reports whether the feed has ended, and returns the bytes that its reader has yet to get.
func (f *feed) standing() (ended bool, behind int) {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	return f.endedLocked(), f.behindLocked()
}

func (f *feed) behindLocked() int {
	if f.chunk == nil {
		return 0
	}
	return int(f.endLocked()-f.chunk.at) - f.read + f.waits
}

// endLocked returns how far in the log the feed goes for now.
func (f *feed) endLocked() uint64 {
	if f.err != nil {
		return f.until
	}
	return f.log.last.end()
}

// awaitBelow waits until the feed holds no more than some bytes, or has ended,
// and returns why it has.
func (f *feed) awaitBelow(bytes int) error {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	for !f.endedLocked() && f.behindLocked() > bytes {
		f.less.Wait()
	}
	if f.lagged {
		return member.ErrLagged
	}
	return f.err
}

// Take is part of member.Feed: it returns a part of what was added, nil when nothing is left and wait is not
// set. Others read the same memory, so that it is not used again.
func (f *feed) Take(_ []byte, wait bool) ([]byte, error) {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	f.writtenLocked()
	f.less.Broadcast()
	for wait && f.behindLocked() == 0 && !f.endedLocked() {
		f.sleepLocked()
	}
	if f.lagged {
		return nil, errors.Join(member.ErrLagged, f.deadlineErr)
	}
	if b := f.nextLocked(); b != nil {
		return b, nil
	}
	return nil, f.err
}

// sleepLocked waits for more.
func (f *feed) sleepLocked() {
	if !f.asleep {
		f.asleep = true
		f.log.asleep = append(f.log.asleep, f)
	}
	f.more.Wait()
}

// writtenLocked counts what the writer has taken as written.
func (f *feed) writtenLocked() {
	f.read += f.inHand
	f.waits -= f.writes
	if !f.endedLocked() {
		f.log.frames -= f.writes
		f.log.countLocked()
	}
	f.inHand, f.writes = 0, 0
}

// nextLocked takes the frames whose place it is, or else deliveries up to the next ones.
func (f *feed) nextLocked() []byte {
	f.moveLocked()
	end := min(f.endLocked(), f.chunk.end())
	if len(f.frames) > 0 {
		next := f.frames[0]
		if next.at == f.chunk.at+uint64(f.read) {
			f.frames[0] = feedFrames{}
			f.frames = f.frames[1:]
			f.writes = len(next.bytes)
			return next.bytes
		}
		end = min(end, next.at)
	}
	to := int(end - f.chunk.at)
	if to <= f.read {
		return nil
	}
	f.inHand = to - f.read
	return f.chunk.bytes[f.read:to:to]
}

// moveLocked goes on to the next chunk from the end of one.
func (f *feed) moveLocked() {
	for f.read == len(f.chunk.bytes) && f.chunk.next != nil {
		if !f.endedLocked() {
			f.chunk.feeds--
			f.chunk.next.feeds++
		}
		f.chunk, f.read = f.chunk.next, 0
	}
	f.log.trimLocked()
}

// Waiting is part of member.Feed: it returns how many bytes the writer has yet to take.
func (f *feed) Waiting() int {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	return f.behindLocked() - f.inHand - f.writes
}

// pump writes the feed to its connection until it ends, and returns why it did.
func (f *feed) pump() error {
	for {
		b, err := f.Take(nil, true)
		if err != nil {
			return err
		}
		if _, err := f.conn.Write(b); err != nil {
			f.close(err)
			return err
		}
	}
}
