//go:build !linux

package nbio

import "net"

// Unsent is how many bytes were written to a connection that the machine at the other end has
// not acknowledged. It is 0 where the system does not tell.
func Unsent(net.Conn) int { return 0 }

// LimitUnsent does nothing here: see the one of Linux.
func LimitUnsent(net.Conn, int) error { return nil }
