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

// A history whose reader stands still ends with an error instead of the run standing
// still with it.
func TestHistoryWithoutReader(t *testing.T) {
	cfg := testConfig()
	cfg.HistoryFile = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(cfg.HistoryFile, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(cfg.HistoryFile, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	f, err := openFiles(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.historyFile.SetPatience(time.Millisecond)
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
