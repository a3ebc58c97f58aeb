package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"
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
	var conn net.Conn
	for addr := range strings.SplitSeq(registry, ",") {
		if conn, err = net.Dial("udp", addr); err == nil {
			break
		}
	}
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

// lookupTime bounds how long the advertised name is looked up.
const lookupTime = 5 * time.Second

// warnAdvertised logs what will keep others from this node, as far as it can be told
// here: an advertised name that does not resolve, or an address on which other hosts
// find themselves, though this node or its registry is open to other hosts. It looks
// names up with lookup until ctx ends.
func warnAdvertised(ctx context.Context, log *slog.Logger, cfg *Config, listener net.Addr, lookup func(context.Context, string) ([]netip.Addr, error)) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	found, err := hostAddrs(ctx, cfg.Advertise, lookup)
	if ctx.Err() != nil && err != nil {
		return // nothing is known
	}
	if err != nil {
		log.Warn("the advertised name does not resolve here: nodes and clients for which it does not resolve either cannot reach this node",
			"advertise", cfg.Advertise, "err", err)
		return
	}
	if !allLoopback(found) {
		return
	}
	if listens, err := hostAddrs(ctx, listener.String(), lookup); err == nil && allLoopback(listens) {
		registry, err := hostAddrs(ctx, cfg.Registry, lookup)
		if err != nil || allLoopback(registry) {
			return // a group on one host
		}
	}
	log.Warn("the advertised address is one on which each host finds itself: nodes and clients on other hosts cannot reach this node; "+
		"set Advertise (dsm server --advertise) to an address of this host that they can dial", "advertise", cfg.Advertise, "listen", listener.String())
}

// hostAddrs returns the IP addresses that an address, host:port, leads to.
func hostAddrs(ctx context.Context, addr string, lookup func(context.Context, string) ([]netip.Addr, error)) ([]netip.Addr, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	return lookup(ctx, host)
}

// lookupIP is how names are looked up for warnings.
func lookupIP(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func allLoopback(addrs []netip.Addr) bool {
	for _, a := range addrs {
		if !a.Unmap().IsLoopback() {
			return false
		}
	}
	return len(addrs) > 0
}
