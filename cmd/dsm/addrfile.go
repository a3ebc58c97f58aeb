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
// there must be the address of an earlier run that has ended: anything else is the
// user's, or that of a process that runs.
func (f addrFile) check() error {
	if f == "" {
		return nil
	}
	if err := outfile.Room(filepath.Dir(string(f))); err != nil {
		return usagef("--addr-file %s: cannot create a file there: %w", f, err)
	}
	info, err := os.Lstat(string(f))
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Base(string(f)) != "." && !os.IsPathSeparator(f[len(f)-1]):
		return nil
	case err != nil:
		return usagef("--addr-file: %w", err)
	case !info.Mode().IsRegular():
		return usagef("--addr-file %s is not a regular file: name another", f)
	}
	return f.checkContent()
}

// checkContent refuses a file that has anything but one address, or nothing, and one
// of a process that runs. A file that is not there is fine.
func (f addrFile) checkContent() error {
	file, err := os.Open(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usagef("--addr-file: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxAddrBytes+1))
	if err != nil {
		return fmt.Errorf("--addr-file: %w", err)
	}
	line := bytes.TrimSuffix(text, []byte("\n"))
	_, _, err = net.SplitHostPort(string(line))
	if len(text) > maxAddrBytes || bytes.ContainsAny(line, "\n \t") || len(line) > 0 && err != nil {
		return usagef("--addr-file %s does not hold an address, so it is not overwritten: remove the file, or name another", f)
	}
	if outfile.Claimed(file) {
		return usagef("--addr-file %s holds the address of a running process, %s: name another file", f, line)
	}
	return nil
}

// clear removes what an earlier run has left, so that nobody takes it for the address
// of this one.
func (f addrFile) clear() error {
	if f == "" {
		return nil
	}
	if err := f.checkContent(); err != nil {
		return err
	}
	if err := os.Remove(string(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--addr-file: %w", err)
	}
	return nil
}

// addrClaim is an address file of this process. nil: there is none.
type addrClaim struct {
	name string
	file *os.File
}

// write makes the file appear with its whole content, and claims it until end.
func (f addrFile) write(addr string) (*addrClaim, error) {
	if f == "" {
		return nil, nil
	}
	part, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return nil, fmt.Errorf("--addr-file: %w", err)
	}
	if _, err = part.WriteString(addr + "\n"); err == nil {
		err = outfile.Claim(part)
	}
	if err == nil {
		err = f.checkContent() // another may have started at the same time
	}
	if err == nil {
		err = os.Rename(part.Name(), string(f))
	}
	if err != nil {
		return nil, fmt.Errorf("--addr-file: %w", errors.Join(err, part.Close(), os.Remove(part.Name())))
	}
	return &addrClaim{string(f), part}, nil
}

// end removes the file, unless somebody else's has taken its place.
func (c *addrClaim) end() error {
	if c == nil {
		return nil
	}
	var errs []error
	now, err := os.Lstat(c.name)
	own, ownErr := c.file.Stat()
	if err == nil && ownErr == nil && os.SameFile(now, own) {
		errs = append(errs, os.Remove(c.name))
	}
	if err := errors.Join(append(errs, c.file.Close())...); err != nil {
		return fmt.Errorf("--addr-file: %w", err)
	}
	return nil
}

// refuseEmpty refuses a flag for a file or a directory that was given, and is empty:
// a script's variable that is not set must not mean the default.
func refuseEmpty(flags *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		if flags.Changed(name) && flags.Lookup(name).Value.String() == "" {
			return usagef("--%s is empty: give it a value, or leave it out", name)
		}
	}
	return nil
}

// reserved are the files that nodes and registries keep in their directories.
var reserved = []string{"lock", "identity.json", "identity.json.new", "registry.db", "token"}

// refuseReserved refuses files, by flag, that have a use of their own in the
// directory of the node or the registry.
func refuseReserved(dir string, files map[string]string) error {
	for _, flag := range slices.Sorted(maps.Keys(files)) {
		file := files[flag]
		if dir != "" && file != "" && slices.Contains(reserved, filepath.Base(file)) && outfile.Same(filepath.Dir(file), dir) {
			return usagef("%s %s: --data-dir uses a file of that name: name another", flag, file)
		}
	}
	return nil
}
