package driver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/wire"
)

// permanent reports whether trying again would not help: nothing that was tried
// speaks our protocol, in a version of ours.
func permanent(err error) bool {
	if errors.Is(err, wire.ErrNodeClosed) || errors.Is(err, errNoNode) {
		return true
	}
	return every(err, func(err error) bool {
		return errors.Is(err, wire.ErrVersion) || errors.Is(err, wire.ErrMagic) || errors.Is(err, client.ErrNotRegistry)
	})
}

// refused reports whether it is certain that there is no server now, which trying
// again may change: nobody listens, no way leads there, there is no such name, or
// whoever accepts closes the connection without an answer, as proxies do that have
// nobody behind them.
func refused(err error) bool {
	return every(err, func(err error) bool {
		var unknown *net.DNSError
		if errors.As(err, &unknown) && unknown.IsNotFound || errors.Is(err, client.ErrNoServers) || permanent(err) ||
			errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return true
		}
		for _, reason := range []syscall.Errno{
			syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EADDRNOTAVAIL,
			syscall.EAFNOSUPPORT, syscall.EACCES, syscall.EPERM, syscall.ECONNRESET, syscall.EPIPE,
		} {
			if errors.Is(err, reason) {
				return true
			}
		}
		return false
	})
}

// every reports whether what is asked holds for all the errors that err joins, or
// for err itself.
func every(err error, is func(error) bool) bool {
	if err == nil {
		return false
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return is(err)
	}
	for _, e := range joined.Unwrap() {
		if !every(e, is) {
			return false
		}
	}
	return true
}

// refusedError is what operations return of a handle that fails fast when no server
// can be connected to.
type refusedError struct{ err error }

func (e *refusedError) Error() string {
	return fmt.Sprintf("driver: no server can be reached: %v", e.err)
}

func (e *refusedError) Unwrap() []error { return []error{ErrUnavailable, e.err} }
