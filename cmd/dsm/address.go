package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// checkDialled demands an address that can be dialled.
func checkDialled(flag, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return usagef("%s %q: must be host:port, such as 127.0.0.1:7000", flag, addr)
	}
	return checkPort(flag, addr, port, 1)
}

// checkListened demands an address that can be listened on.
func checkListened(flag, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return usagef("%s %q: must be host:port, such as 127.0.0.1:7000, or :7000 for all interfaces", flag, addr)
	}
	return checkPort(flag, addr, port, 0)
}

func checkPort(flag, addr, port string, lowest uint64) error {
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < lowest {
		return usagef("%s %q: the port must be a number from %d to 65535", flag, addr, lowest)
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
