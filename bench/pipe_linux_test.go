package bench

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-8247e700/dsm/internal/history"
)

// impatient has runs wait no time for readers of pipes, and returns one that nobody
// reads although somebody has opened it.
func impatient(t *testing.T) string {
	t.Helper()
	patience := readerPatience
	readerPatience = time.Millisecond
	t.Cleanup(func() { readerPatience = patience })
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

// A history whose reader stands still ends with an error instead of the run standing
// still with it.
func TestHistoryWithoutReader(t *testing.T) {
	cfg := testConfig()
	cfg.HistoryFile = impatient(t)
	f, err := openFiles(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	op := history.Op{Kind: history.Set, Key: strings.Repeat("k", 1000)}
	for range 10_000 {
		if err = f.complete(&op); err != nil {
			break
		}
	}
	const want = "pipe has taken nothing for 1ms"
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), want) {
		t.Errorf("10 MB for a pipe that nobody reads: %v, want %q", err, want)
	}
	if err := f.close(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("close: %v", err)
	}
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
