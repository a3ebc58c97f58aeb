package evloop

import (
	"os"
	"runtime"
	"syscall"
	"time"
)

// A loop waits in the kernel as long as rounds follow one another closely, and
// otherwise through the runtime's poller. The former is what it is there for. But
// the runtime watches a thread that is in the kernel with a processor of its own,
// up to 50 times a millisecond at first: a loop that always waits so makes an idle
// process wake up several hundred times a second.
const (
	quickGap    = time.Millisecond // between rounds that follow closely
	quickRounds = 8                // so many of them begin a busy time
	quickWait   = 2                // milliseconds of nothing that end it
)

// waiter is how a loop waits. It belongs to the loop's goroutine.
type waiter struct {
	epoll int
	quick int // rounds in a row that followed closely, up to quickRounds

	// A duplicate of the descriptor that the runtime's poller knows, only while the
	// loop waits through it: it would be told of every event.
	idle *os.File
	raw  syscall.RawConn
}

// wait returns how many events there are, 0 or less if none after all.
func (w *waiter) wait(events []syscall.EpollEvent) (int, error) {
	if w.quick >= quickRounds {
		// Who was woken by the last round runs first: the call keeps the processor
		// that this goroutine runs on.
		runtime.Gosched()
		n, err := syscall.EpollWait(w.epoll, events, quickWait)
		if n == 0 {
			w.quick = 0
		}
		return n, err
	}
	began := time.Now()
	n, err := w.park(events)
	if n <= 0 || time.Since(began) >= quickGap {
		w.quick = 0
		return n, err
	}
	if w.quick++; w.quick == quickRounds {
		w.close()
	}
	return n, err
}

// park waits through the runtime's poller, or in the kernel if that cannot be.
func (w *waiter) park(events []syscall.EpollEvent) (n int, err error) {
	if w.idle == nil && w.open() != nil {
		return syscall.EpollWait(w.epoll, events, -1)
	}
	waitErr := w.raw.Read(func(fd uintptr) bool {
		n, err = syscall.EpollWait(int(fd), events, 0)
		return n != 0
	})
	if waitErr != nil {
		w.close()
		return syscall.EpollWait(w.epoll, events, -1)
	}
	return n, err
}

func (w *waiter) open() error {
	fd, err := duplicate(uintptr(w.epoll))
	if err != nil {
		return err
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd) // it was not used yet
		return err
	}
	w.idle = os.NewFile(uintptr(fd), "epoll")
	w.raw, err = w.idle.SyscallConn()
	if err != nil {
		w.close()
	}
	return err
}

// close has the runtime's poller forget the loop.
func (w *waiter) close() {
	if w.idle != nil {
		_ = w.idle.Close() // nothing was written
		w.idle, w.raw = nil, nil
	}
}
