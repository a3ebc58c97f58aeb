package server

import (
	"fmt"
	"net"
)

// advertised returns the address that peers and clients are told to dial: the
// listener's own, or, when that is on all interfaces, its port on the interface
// that reaches the registry, since whoever finds this node found it there.
func advertised(listener net.Addr, registry string) (string, error) {
	host, port, err := net.SplitHostPort(listener.String())
	if err != nil {
		return "", fmt.Errorf("%w: Listen: %w", ErrConfig, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return listener.String(), nil
	}
	// To connect a UDP socket sends nothing, and makes the kernel choose the
	// address to send from.
	conn, err := net.Dial("udp", registry)
	if err != nil {
		return "", fmt.Errorf("%w: Advertise: none is given, and which address others reach this node at cannot be told from the way to its registry: %w", ErrConfig, err)
	}
	local, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if closeErr := conn.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return "", fmt.Errorf("%w: Advertise: %w", ErrConfig, err)
	}
	return net.JoinHostPort(local, port), nil
}
