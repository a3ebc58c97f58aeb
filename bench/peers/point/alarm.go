package point

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm wakes up whoever hands out operations.
type alarm interface {
	// wait blocks for a time.
	wait(d time.Duration) error
	close() error
}

// kernelAlarm is a timer of the kernel that Go's poller waits for. Timers of the
// Go runtime are up to a millisecond late in a process that has nothing else to
// do, which is more than some systems take for a write.
type kernelAlarm struct {
	fd     int
	file   *os.File
	expiry []byte
}

func newKernelAlarm() (alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	return &kernelAlarm{fd: fd, file: os.NewFile(uintptr(fd), "timerfd"), expiry: make([]byte, 8)}, nil
}

func (a *kernelAlarm) wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if err := unix.TimerfdSettime(a.fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil); err != nil {
		return os.NewSyscallError("timerfd_settime", err)
	}
	_, err := a.file.Read(a.expiry)
	return err
}

func (a *kernelAlarm) close() error { return a.file.Close() }
