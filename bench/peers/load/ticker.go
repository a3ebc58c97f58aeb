package load

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ticker is a clock of the kernel's that Go's poller waits for. Timers of the Go
// runtime are up to a millisecond late when a process has nothing else to do,
// which would be most of what some systems are measured at.
type ticker struct {
	file   *os.File
	expiry []byte
}

func newTicker(every time.Duration) (*ticker, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	t := &ticker{file: os.NewFile(uintptr(fd), "timerfd"), expiry: make([]byte, 8)}
	interval := unix.NsecToTimespec(int64(every))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: interval, Value: interval}, nil); err != nil {
		_ = t.file.Close() // nothing was written
		return nil, os.NewSyscallError("timerfd_settime", err)
	}
	return t, nil
}

// wait returns at the next tick, or at once if it has passed.
func (t *ticker) wait() error {
	_, err := t.file.Read(t.expiry)
	return err
}

func (t *ticker) close() error { return t.file.Close() }
