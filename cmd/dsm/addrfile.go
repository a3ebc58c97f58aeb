package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"github.com/seed-8247e700/dsm/internal/outfile"
)

// addrFile is a file with the address of what serves, for scripts that let the
// kernel choose the port. It is there only while the address is good.
type addrFile string

// maxAddrBytes bounds what such a file has: a name is at most 255 bytes long.
const maxAddrBytes = 300

// check finds out whether the file can be written, and changes nothing. What is
// there must be the address of an earlier run: anything else is the user's.
func (f addrFile) check() error {
	if f == "" {
		return nil
	}
	if err := outfile.Room(filepath.Dir(string(f))); err != nil {
		return usagef("--addr-file %s: no file can be made there: %w", f, err)
	}
	info, err := os.Lstat(string(f))
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Base(string(f)) != "." && !os.IsPathSeparator(f[len(f)-1]):
		return nil
	case err != nil:
		return usagef("--addr-file: %w", err)
	case !info.Mode().IsRegular():
		return usagef("--addr-file %s is no regular file, and would be replaced: name another", f)
	}
	is, err := f.hasAddress()
	if err == nil && !is {
		return usagef("--addr-file %s has something else than an address, which would be lost: remove it, or name another", f)
	}
	return err
}

// hasAddress reports whether the file has one address, or nothing.
func (f addrFile) hasAddress() (bool, error) {
	file, err := os.Open(string(f))
	if err != nil {
		return false, usagef("--addr-file: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxAddrBytes+1))
	if err != nil {
		return false, fmt.Errorf("--addr-file: %w", err)
	}
	line := bytes.TrimSuffix(text, []byte("\n"))
	if len(text) > maxAddrBytes || bytes.ContainsAny(line, "\n \t") {
		return false, nil
	}
	_, _, err = net.SplitHostPort(string(line))
	return len(line) == 0 || err == nil, nil
}

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

// refuseEmpty refuses a flag for a file or a directory that was given, and is empty:
// a script's variable that is not set must not mean the default.
func refuseEmpty(flags *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		if flags.Changed(name) && flags.Lookup(name).Value.String() == "" {
			return usagef("--%s is empty: name what it stands for, or leave it out", name)
		}
	}
	return nil
}

// reserved are the files that nodes and registries keep in their directories.
var reserved = []string{"lock", "identity.json", "identity.json.new", "registry.db"}

// refuseReserved refuses files, by flag, that have a use of their own in the
// directory of the node or the registry.
func refuseReserved(dir string, files map[string]string) error {
	for _, flag := range slices.Sorted(maps.Keys(files)) {
		file := files[flag]
		if dir != "" && file != "" && slices.Contains(reserved, filepath.Base(file)) && outfile.Same(filepath.Dir(file), dir) {
			return usagef("%s %s: --data-dir has a file of that name: name another", flag, file)
		}
	}
	return nil
}
