package program

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// impatient has runs wait no time for readers of pipes, and returns one that nobody
// reads although somebody has opened it.
func impatient(t *testing.T) string {
	t.Helper()
	patience := pipePatience
	pipePatience = time.Millisecond
	t.Cleanup(func() { pipePatience = patience })
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return pipe
}

// Profiles that are lost are an error, also those whose writers tell nobody.
func TestProfilesThatAreLost(t *testing.T) {
	pipe := impatient(t)
	for name, p := range map[string]Profiles{
		"cpu": {CPU: "/dev/full"}, "memory": {Memory: "/dev/full"}, "trace": {Trace: "/dev/full"},
	} {
		stop, err := p.Start()
		if err != nil {
			t.Fatal(err)
		}
		if err := stop(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", name, err)
		}
	}
	file, err := OpenOutput(pipe)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a pipe that nobody reads: %v", err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}
