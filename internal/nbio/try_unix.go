//go:build unix

package nbio

import (
	"errors"
	"os"
	"syscall"
)

// canTry says that descriptors of connections are non-blocking here.
const canTry = true

// tryWriteFD writes b to fd once.
func tryWriteFD(fd uintptr, b []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EINTR):
			continue // a signal came before anything was written
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		default:
			return 0, os.NewSyscallError("write", err)
		}
	}
}
