package nbio

import (
	"net"
	"syscall"
	"unsafe"
)

// Unsent is how many bytes were written to a connection that the machine at the other end has
// not acknowledged. It is 0 where the system does not tell.
func Unsent(conn net.Conn) int {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0
	}
	var unsent int32
	err = raw.Control(func(fd uintptr) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&unsent))); errno != 0 {
			unsent = 0
		}
	})
	if err != nil {
		return 0
	}
	return int(unsent)
}
