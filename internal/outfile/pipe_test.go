//go:build unix

package outfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/outfile"
)

// A named pipe is opened only if somebody reads it, and can be written once.
func TestNamedPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := outfile.Open(name, 0o600); err == nil || !strings.Contains(err.Error(), "start the reader first") {
		t.Errorf("Open: %v", err)
	}
	r, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	f, err := outfile.Open(name, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "text"); err != nil {
		t.Error(err)
	}
	if err := f.Restart(); err == nil {
		t.Error("a pipe begins anew")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "text" {
		t.Errorf("it reads %q (%v)", got, err)
	}
	if _, err := os.Stat(name); err != nil {
		t.Error(err)
	}
}

// A reader that stands still makes a write fail, and those after it.
func TestPatience(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	f, err := outfile.Open(name, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.SetPatience(time.Millisecond)
	const more = 1 << 21 // than a pipe has room for
	for range 2 {
		if _, err := f.Write(make([]byte, more)); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "has taken nothing for 1ms") {
			t.Errorf("Write: %v", err)
		}
	}
	if err := f.Err(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Err: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// A file has one writer at a time, and stays as it is if there is another.
func TestOneWriter(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	first, err := outfile.Open(name, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(first, "text"); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{"Check": outfile.Check(name), "Open": second(name)} {
		if err == nil || !strings.Contains(err.Error(), "another process writes it: use another file") {
			t.Errorf("%s of a file that is being written: %v", what, err)
		}
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "text" {
		t.Errorf("it has %q, %v", got, err)
	}
	if err := second(name); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// second opens a file and closes it.
func second(name string) error {
	f, err := outfile.Open(name, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
