package client

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// maxAddresses bounds the addresses of one name that are tried.
const maxAddresses = 64

// Lookup returns the addresses of a host, as net.Resolver.LookupHost does. It is
// never asked about one that is an address itself.
type Lookup func(ctx context.Context, host string) ([]string, error)

// SystemLookup asks the system.
func SystemLookup(ctx context.Context, host string) ([]string, error) {
	return net.DefaultResolver.LookupHost(ctx, host)
}

// IsName reports whether the host in host:port has to be looked up.
func IsName(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err != nil
}

// Resolve returns the addresses, host:port, that addr stands for: at most 64, each
// once, in the order of the look-up; addr alone if its host is an address, or if
// lookup is nil, for dialers that look names up themselves. For localhost both
// loopback addresses are among them.
func Resolve(ctx context.Context, lookup Lookup, addr string) ([]string, error) {
	if lookup == nil || !IsName(addr) {
		return []string{addr}, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	hosts, err := lookupWithin(ctx, lookup, host)
	if host == "localhost" {
		hosts, err = append(slices.Clone(hosts), "127.0.0.1", "::1"), nil // RFC 6761, 6.3
	}
	if err != nil {
		return nil, err // which names the host
	}
	var addrs []string
	for _, h := range hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			h = ip.Unmap().String()
		}
		if a := net.JoinHostPort(h, port); !slices.Contains(addrs, a) && len(addrs) < maxAddresses {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "the name has no address", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

// lookupWithin returns when the context ends, whatever the look-up does: the system's
// may go on for a while.
func lookupWithin(ctx context.Context, lookup Lookup, host string) ([]string, error) {
	type result struct {
		hosts []string
		err   error
	}
	found := make(chan result, 1)
	go func() {
		hosts, err := lookup(ctx, host)
		found <- result{hosts, err}
	}()
	select {
	case r := <-found:
		return r.hosts, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("client: looking up %s: %w", host, ctx.Err())
	}
}

// FirstOf is First for a list of host:port whose names stand for several addresses:
// each address is asked by itself. A name whose look-up hangs or fails is as one
// that does not answer.
func FirstOf[T any](ctx context.Context, lookup Lookup, list []string, atOnce int, stagger time.Duration, ask func(ctx context.Context, addr string) (T, error)) (T, error) {
	return First(ctx, list, atOnce, stagger, func(ctx context.Context, name string) (T, error) {
		addrs, err := Resolve(ctx, lookup, name)
		if err != nil {
			var none T
			return none, err
		}
		return First(ctx, addrs, atOnce, stagger, ask)
	})
}
