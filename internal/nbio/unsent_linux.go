package nbio

import (
	"net"
	"os"
	"syscall"
	"unsafe"
)

// Unsent is how many bytes were written to a connection that the machine at the other end has
// not acknowledged. It is 0 where the system does not tell.
func Unsent(conn net.Conn) int {
	var unsent int32
	err := onDescriptor(conn, func(fd uintptr) error {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&unsent)))
		if errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return int(unsent)
}

// tcpNotSentLowat is TCP_NOTSENT_LOWAT, which package syscall does not have.
const tcpNotSentLowat = 25

// LimitUnsent bounds how many bytes the system keeps for a TCP connection beyond those on
// their way, which the reader's window bounds: a reader that stands still costs no more of the
// kernel's memory, of which all connections of the machine have one account. A long path is
// as fast as before. Where the system has no such bound, and for other connections, it does
// nothing.
func LimitUnsent(conn net.Conn, bytes int) error {
	if _, ok := conn.(*net.TCPConn); !ok {
		return nil
	}
	return onDescriptor(conn, func(fd uintptr) error {
		return os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, bytes))
	})
}

// onDescriptor does something with a connection's descriptor. If it has none, the error wraps
// syscall.ENOTSUP.
func onDescriptor(conn net.Conn, do func(fd uintptr) error) error {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return syscall.ENOTSUP
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var done error
	if err := raw.Control(func(fd uintptr) { done = do(fd) }); err != nil {
		return err
	}
	return done
}
