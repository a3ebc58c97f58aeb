package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

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

// addrFile is a file with the address of what serves, for scripts that let the
// kernel choose the port. It is there only while the address is good.
type addrFile string

// clear removes what an earlier run has left.
func (f addrFile) clear() error {
	if f == "" {
		return nil
	}
	if err := os.Remove(string(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--addr-file: %w", err)
	}
	return nil
}

// write makes the file appear with its whole content.
func (f addrFile) write(addr string) error {
	if f == "" {
		return nil
	}
	part, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return fmt.Errorf("--addr-file: %w", err)
	}
	_, err = part.WriteString(addr + "\n")
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), string(f))
	}
	if err != nil {
		return fmt.Errorf("--addr-file: %w", errors.Join(err, os.Remove(part.Name())))
	}
	return nil
}
