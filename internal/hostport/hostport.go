// Package hostport checks addresses, host:port, before anything is done with them. It
// looks no name up.
//
//	if err := hostport.Dialled(addr); err != nil {
//		return fmt.Errorf("--advertise %q: %w", addr, err)
//	}
package hostport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Dialled returns why nobody can dial addr, or nil.
func Dialled(addr string) error {
	host, port, err := split(addr)
	if err != nil {
		return err
	}
	if host == "" {
		return errors.New("must be host:port, such as 127.0.0.1:7000: the host is missing")
	}
	ip, isIP, err := parseHost(host)
	if err != nil {
		return err
	}
	switch {
	case isIP && ip.IsUnspecified():
		return fmt.Errorf("%s means all interfaces of a listener and cannot be dialled: give the host's own address or name", host)
	case isIP && ip.Is4() && ip.As4()[0] == 0:
		return fmt.Errorf("%s is not the address of a host, as it begins with 0: give the host's own address or name", host)
	case isIP && ip.IsLinkLocalUnicast() && ip.Is6() && !strings.Contains(host, "%"):
		return fmt.Errorf("%s is a link-local address: give one that is valid on all links", host)
	case isIP && (ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})):
		return fmt.Errorf("%s is the address of many hosts: give the address of one", host)
	}
	return checkPort(port, 1)
}

// Listened returns why nobody can listen on addr, or nil. An empty host stands for all
// interfaces, port 0 for one that is free.
func Listened(addr string) error {
	host, port, err := split(addr)
	if err != nil {
		return err
	}
	if host != "" {
		ip, isIP, err := parseHost(host)
		if err != nil {
			return err
		}
		if isIP && ip.IsMulticast() {
			return fmt.Errorf("%s is the address of many hosts: give the address of one", host)
		}
	}
	return checkPort(port, 0)
}

// split takes an address apart, and says what is wrong with one that is none.
func split(addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	const form = "must be host:port, such as 127.0.0.1:7000"
	switch {
	case strings.ContainsFunc(addr, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "", "", fmt.Errorf("%s, without spaces and line breaks", form)
	case strings.Contains(addr, "://"):
		return "", "", fmt.Errorf("%s, without a scheme", form)
	case err == nil:
		return host, port, nil
	case strings.Count(addr, ":") > 1 && !strings.Contains(addr, "["):
		return "", "", fmt.Errorf("%s; an IPv6 address stands in brackets, [::1]:7000", form)
	default:
		return "", "", errors.New(form)
	}
}

// parseHost tells an IP address from a name, and refuses what is neither.
func parseHost(host string) (ip netip.Addr, isIP bool, err error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone(""), true, nil
	}
	last := host[strings.LastIndexByte(strings.TrimSuffix(host, "."), '.')+1:]
	if strings.Trim(last, "0123456789.") == "" {
		return netip.Addr{}, false, fmt.Errorf("%q is no IP address", host)
	}
	if strings.Contains(host, "@") { // which may follow a password
		return netip.Addr{}, false, errors.New("is neither an IP address nor a name: it has a user or a password, remove everything up to the @")
	}
	if i := strings.IndexFunc(host, func(r rune) bool { return !nameRune(r) }); i >= 0 {
		return netip.Addr{}, false, fmt.Errorf("%q is neither an IP address nor a name", host)
	}
	return netip.Addr{}, false, nil
}

// nameRune reports whether names have such a character.
func nameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r)
}

func checkPort(port string, lowest uint64) error {
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < lowest {
		return fmt.Errorf("the port must be a number from %d to 65535", lowest)
	}
	return nil
}
