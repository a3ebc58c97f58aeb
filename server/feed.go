package server

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/seed-8247e700/dsm/internal/member"
	"github.com/seed-8247e700/dsm/internal/nbio"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// feed carries the node's deliveries to one reader on a connection: a joiner,
// or a client that subscribed. The protocol loop adds to it and never waits; a
// goroutine writes. When all readers of the node together are too far behind,
// the one that is furthest is cut off: see front.publishFeeds.
type feed struct {
	conn   net.Conn
	joiner uint64 // incarnation of the joiner it is for, 0: a client's

	mu     sync.Mutex // guards what follows
	more   sync.Cond  // something was published, or the feed closed
	less   sync.Cond  // something was taken or written, or the feed closed
	queue  nbio.Queue // added, and not taken by the writer
	inHand int        // bytes that the writer has taken, and not written
	lagged bool
	err    error

	deadlineErr error // of limiting the last writes
}

// lagGrace is how long a reader that was cut off has to take what was on its
// way, and the notice that it lags.
const lagGrace = 10 * time.Second

func newFeed(conn net.Conn) *feed {
	f := &feed{conn: conn}
	f.more.L, f.less.L = &f.mu, &f.mu
	return f
}

// add appends a delivery.
func (f *feed) add(d *wire.Delivery) {
	f.addFrame(func(dst []byte) []byte { return wire.AppendDelivery(dst, d) })
}

// share is add for a delivery that is encoded already, and stays as it is: other feeds have it too.
func (f *feed) share(encoded []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || f.lagged {
		return
	}
	f.queue.Share(encoded)
}

func (f *feed) addFrame(appendTo func([]byte) []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || f.lagged {
		return
	}
	f.queue.Extend(appendTo)
}

// cut ends the feed of a reader that is too far behind.
func (f *feed) cut() {
	f.mu.Lock()
	f.lagged = true
	f.queue.Clear()
	f.deadlineErr = f.conn.SetWriteDeadline(time.Now().Add(lagGrace))
	f.mu.Unlock()
	f.more.Broadcast()
	f.less.Broadcast()
}

// publish wakes the writer.
func (f *feed) publish() {
	f.more.Signal()
}

// close ends the feed; what has been added before still goes out.
func (f *feed) close(err error) {
	f.mu.Lock()
	if f.err == nil {
		f.err = err
	}
	f.mu.Unlock()
	f.more.Broadcast()
	f.less.Broadcast()
}

// standing tells whether the feed has ended, and the bytes that it holds.
func (f *feed) standing() (ended bool, behind int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err != nil || f.lagged, f.queue.Len() + f.inHand
}

// awaitBelow waits until the feed holds no more than some bytes, or has ended,
// and returns why it has.
func (f *feed) awaitBelow(bytes int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.err == nil && !f.lagged && f.queue.Len()+f.inHand > bytes {
		f.less.Wait()
	}
	if f.lagged {
		return member.ErrLagged
	}
	return f.err
}

// Take is part of member.Feed: it returns a part of what was added, nil when nothing is left and wait is not
// set. spare is reused.
func (f *feed) Take(spare []byte, wait bool) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inHand = 0
	f.queue.Recycle(spare)
	f.less.Broadcast()
	for wait && f.queue.Len() == 0 && f.err == nil && !f.lagged {
		f.more.Wait()
	}
	if f.lagged {
		return nil, errors.Join(member.ErrLagged, f.deadlineErr)
	}
	b := f.queue.Pop()
	if b == nil {
		return nil, f.err
	}
	f.inHand = len(b)
	return b, nil
}

// Waiting is part of member.Feed: it returns how many bytes the writer has yet to take.
func (f *feed) Waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queue.Len()
}

// pump writes the feed to its connection until it ends, and returns why it did.
func (f *feed) pump() error {
	var b []byte
	for {
		var err error
		if b, err = f.Take(b, true); err != nil {
			return err
		}
		if _, err := f.conn.Write(b); err != nil {
			f.close(err)
			return err
		}
	}
}
