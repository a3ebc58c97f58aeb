package outfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// File is a file that is open for writing. What was in it stays until the first
// Write, and a file that is new and never written is removed by Close. A File is for
// one goroutine at a time.
type File struct {
	file     *os.File
	regular  bool
	created  bool
	written  bool
	err      error         // the first of a Write
	patience time.Duration // see SetPatience
	close    func() error
}

// Open opens or creates a file. A directory is an error, and so is a named pipe that
// nobody reads: to wait for its reader could take for ever. perm is that of a file
// that is new, before umask. A regular file that another File writes, in this process
// or another, is an error where the system can tell.
func Open(name string, perm os.FileMode) (*File, error) {
	if name == "" {
		return nil, errors.New("the name of the file is empty")
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	created := err == nil
	if errors.Is(err, fs.ErrExist) {
		file, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|syscall.O_NONBLOCK, perm)
	}
	if errors.Is(err, syscall.ENXIO) {
		return nil, fmt.Errorf("open %s: it has no reader: start the reader first (%w)", name, err)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if info.Mode().IsRegular() {
		if err := claimNew(file, created); err != nil {
			return nil, err
		}
	}
	f := &File{file: file, regular: info.Mode().IsRegular(), created: created}
	f.close = sync.OnceValue(f.end)
	return f, nil
}

// claimNew claims a file that was opened, so that no two write it at once, or closes it.
func claimNew(file *os.File, created bool) error {
	err := Claim(file)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("open %s: another process writes it: use another file (%w)", file.Name(), err)
	if err = errors.Join(err, file.Close()); created {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}

// Check reports whether a file could be written, and leaves no trace.
func Check(name string) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil // whoever reads a pipe would take this for its end
	}
	f, err := Open(name, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// Write writes p. The first one replaces what was in the file.
func (f *File) Write(p []byte) (int, error) {
	if !f.written {
		if err := f.Restart(); err != nil {
			return 0, err
		}
	}
	written := 0
	for {
		if f.patience > 0 && f.err == nil {
			f.SetWriteDeadline(time.Now().Add(f.patience))
		}
		n, err := f.file.Write(p[written:])
		written += n
		if err == nil {
			return written, nil
		}
		if f.patience > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			if n > 0 && f.err == nil {
				continue // it reads, if slowly
			}
			err = fmt.Errorf("the reader of %s has taken nothing for %v: %w", f.file.Name(), f.patience, err)
		}
		if f.err == nil {
			f.err = err
		}
		return written, err
	}
}

// Err returns the first error of a Write, for writers that do not tell.
func (f *File) Err() error { return f.err }

// SetPatience bounds how long a Write waits for the reader of a pipe to take anything.
// After that it returns an error, and so does each that follows, at once. By default
// it waits for ever.
func (f *File) SetPatience(d time.Duration) { f.patience = d }

// Restart has the file begin anew. If it is none that can, such as a pipe, and
// something was written already, the error says so.
func (f *File) Restart() error {
	if !f.regular {
		if f.written {
			return errors.New("the file must be truncated, which only works for a regular file")
		}
		f.written = true
		return nil
	}
	f.written = true
	if err := f.file.Truncate(0); err != nil {
		return err
	}
	_, err := f.file.Seek(0, 0)
	return err
}

// SetWriteDeadline bounds how long writes wait for the reader of a pipe. Other files
// do not wait, and have no deadlines.
func (f *File) SetWriteDeadline(t time.Time) {
	_ = f.file.SetWriteDeadline(t) // an error says that there are none
}

// Close closes the file, and removes it if it is new and nothing was written. It may
// be called again, and then returns the same.
func (f *File) Close() error { return f.close() }

func (f *File) end() error {
	err := f.file.Close()
	if f.created && !f.written {
		err = errors.Join(err, os.Remove(f.file.Name()))
	}
	return err
}
