package main

import (
	"net"

	"github.com/seed-8247e700/dsm/internal/hostport"
)

// checkDialled demands an address that can be dialled.
func checkDialled(flag, addr string) error {
	if err := hostport.Dialled(addr); err != nil {
		return usagef("%s %q: %w", flag, addr, err)
	}
	return nil
}

// checkListened demands an address that can be listened on.
func checkListened(flag, addr string) error {
	if err := hostport.Listened(addr); err != nil {
		return usagef("%s %q: %w; :7000 is port 7000 on all interfaces", flag, addr, err)
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
