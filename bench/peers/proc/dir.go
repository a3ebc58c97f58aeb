package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// sharedMemory is where Linux keeps files in memory.
const sharedMemory = "/dev/shm"

// Dir is the directory of a run.
type Dir struct {
	root string
	next atomic.Int64

	mu   sync.Mutex // guards subs
	subs []string
}

// NewDir makes a directory, in memory if it can be.
func NewDir() (*Dir, error) {
	parent := ""
	if info, err := os.Stat(sharedMemory); err == nil && info.IsDir() {
		parent = sharedMemory
	}
	root, err := os.MkdirTemp(parent, "dsm-peers-")
	return &Dir{root: root}, err
}

// Path is that of a file in it.
func (d *Dir) Path(name string) string { return filepath.Join(d.root, name) }

// Sub makes a directory in it whose name begins with a word.
func (d *Dir) Sub(name string) (string, error) {
	path := d.Path(fmt.Sprintf("%s-%d", name, d.next.Add(1)))
	if err := os.Mkdir(path, 0o755); err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.subs = append(d.subs, path)
	return path, nil
}

// Clear removes what Sub has made: the files of a system that has ended, which are
// in memory.
func (d *Dir) Clear() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := make([]error, len(d.subs))
	for i, path := range d.subs {
		errs[i] = os.RemoveAll(path)
	}
	d.subs = nil
	return errors.Join(errs...)
}

// Remove removes all of it.
func (d *Dir) Remove() error { return os.RemoveAll(d.root) }
