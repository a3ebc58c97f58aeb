package server

import (
	"net"
	"os"
	"syscall"
	"time"
)

// speakFirst has the kernel keep connections on which nothing was said yet to
// itself, for about patience: those who connect speak first. So silent ones cost
// the node nothing meanwhile, and the others one wake-up instead of two.
func speakFirst(listener net.Listener, patience time.Duration) error {
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	seconds := int(patience / time.Second)
	if controlErr := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, seconds)
	}); controlErr != nil {
		return controlErr
	}
	return os.NewSyscallError("setsockopt", err)
}
