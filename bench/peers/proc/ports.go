package proc

import (
	"errors"
	"net"
)

// Ports returns ports of the loopback interface that are free now, for programs
// that cannot tell which port the kernel chose for them.
func Ports(n int) (ports []int, err error) {
	var listeners []net.Listener
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(err, closeAll(listeners))
		}
		listeners = append(listeners, l) // all at once, so that no two are alike
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, closeAll(listeners)
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
