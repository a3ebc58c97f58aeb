package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/registry"
)

// advertised returns the address that peers and clients are told to dial: the
// listener's own, or, when that is on all interfaces, its port on the interface
// that reaches the registry, since whoever finds this node found it there. A registry
// whose name does not resolve is looked for as long as one that does not answer is.
func advertised(ctx context.Context, listener net.Addr, registries string, lookup client.Lookup) (string, error) {
	host, port, err := net.SplitHostPort(listener.String())
	if err != nil {
		return "", fmt.Errorf("%w: Listen: %w", ErrConfig, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return listener.String(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	var local string
	for {
		if local, err = wayTo(ctx, registries, lookup); err == nil {
			return net.JoinHostPort(local, port), nil
		}
		var unknown *net.DNSError
		if !errors.As(err, &unknown) || client.Sleep(ctx, leastPause) != nil {
			break
		}
	}
	kind := ErrConfig
	if ctx.Err() != nil {
		kind = registry.ErrUnreachable
	}
	return "", fmt.Errorf("%w: Advertise: missing, and the route to the registry does not show an address at which others reach this node: %w", kind, err)
}

// wayTo returns this host's address on the way to the first of the registry's addresses
// to which there is one.
func wayTo(ctx context.Context, registries string, lookup client.Lookup) (string, error) {
	var errs []error
	for addr := range strings.SplitSeq(registries, ",") {
		addrs, err := client.Resolve(ctx, lookup, addr)
		errs = append(errs, err)
		for _, a := range addrs {
			// To connect a UDP socket sends nothing, and makes the kernel choose the
			// address to send from.
			conn, err := new(net.Dialer).DialContext(ctx, "udp", a)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			local, _, err := net.SplitHostPort(conn.LocalAddr().String())
			if err := errors.Join(err, conn.Close()); err != nil {
				return "", err
			}
			return local, nil
		}
	}
	return "", errors.Join(errs...)
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
		log.Warn("the advertised name does not resolve here: nodes and clients where it does not resolve either cannot reach this node",
			"advertise", cfg.Advertise, "err", err)
		return
	}
	if !allSelf(found) {
		return
	}
	if listens, err := hostAddrs(ctx, listener.String(), lookup); err == nil && allLoopback(listens) {
		if !remote(ctx, cfg.Registry, lookup) {
			return // a group on one host
		}
	}
	log.Warn("the advertised address is a loopback address: nodes and clients on other hosts cannot reach this node; "+
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

// remote reports whether one of the registry's addresses is on another host, as far as
// is known.
func remote(ctx context.Context, registries string, lookup func(context.Context, string) ([]netip.Addr, error)) bool {
	for addr := range strings.SplitSeq(registries, ",") {
		if at, err := hostAddrs(ctx, addr, lookup); err == nil && !allLoopback(at) {
			return true
		}
	}
	return false
}

// allSelf reports whether a host that dials any of the addresses finds itself: it does
// so too at that which stands for all interfaces.
func allSelf(addrs []netip.Addr) bool {
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(a netip.Addr) bool {
		return !a.Unmap().IsLoopback() && !a.Unmap().IsUnspecified()
	})
}

func allLoopback(addrs []netip.Addr) bool {
	for _, a := range addrs {
		if !a.Unmap().IsLoopback() {
			return false
		}
	}
	return len(addrs) > 0
}
