package main

import (
	"cmp"
	"errors"
	"net"
	"strings"

	"github.com/seed-8247e700/dsm/internal/client"
	"github.com/seed-8247e700/dsm/internal/hostport"
)

// errNoAddress is wrapped by errors of what has more in it than an address.
var errNoAddress = errors.New("must be host:port, such as 127.0.0.1:7000")

// checkDialled demands an address that can be dialled.
func checkDialled(flag, addr string) error {
	if err := hostport.Dialled(addr); err != nil || strings.ContainsAny(addr, "@/") {
		return usagef("%s %q: %w", flag, client.Redact(addr), cmp.Or(err, errNoAddress))
	}
	return nil
}

// checkRegistry demands the registry's address, or several at which it may be found.
func checkRegistry(flag, addrs string) error {
	for addr := range strings.SplitSeq(addrs, ",") {
		if err := checkDialled(flag, addr); err != nil {
			return err
		}
	}
	return nil
}

// checkListened demands an address that can be listened on.
func checkListened(flag, addr string) error {
	if err := hostport.Listened(addr); err != nil {
		return usagef("%s %q: %w; :7000 is port 7000 on all interfaces", flag, client.Redact(addr), err)
	}
	return nil
}

// reachable returns an address at which this machine reaches a listener of its
// own.
func reachable(listener string) string {
	host, port, err := net.SplitHostPort(listener)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return listener
	}
	return net.JoinHostPort("127.0.0.1", port)
}
