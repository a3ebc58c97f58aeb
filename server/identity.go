package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-8247e700/dsm/internal/outfile"
)

// identity is what a node knows of its earlier run. The lock on its directory
// is held for as long as the node runs, so whoever holds it next has proof that
// the incarnation recorded is dead: unless the directory is a copy, whose lock is
// another file.
type identity struct {
	dir   string // "": nothing is kept
	at    place  // of the directory
	moved string // why the record proves nothing, for people; "": it does, or there is none
	lock  *os.File
	undo  func() // removes what was made for a record that was never written; nil: nothing was, or it was written
	last  identityRecord
}

// identityRecord is the content of identity.json.
type identityRecord struct {
	ID          string `json:"id"`
	Group       uint64 `json:"group,string"`
	Incarnation uint64 `json:"incarnation,string"`
	Place       place  `json:"place"` // of the directory when it was recorded
}

// openIdentity takes the lock of the directory and reads what it records. What it makes
// is removed by close unless a record was written.
func openIdentity(dir, id string) (ident *identity, err error) {
	ident = &identity{dir: dir, last: identityRecord{ID: id}}
	if dir == "" {
		return ident, nil
	}
	undoDir, err := outfile.MakeAll(dir, 0o700)
	if err != nil {
		return nil, fmt.Errorf("%w: DataDir: %w", ErrConfig, err)
	}
	defer func() {
		if err != nil {
			undoDir() // what is in use by others is not empty
		}
	}()
	var fresh bool
	if ident.lock, fresh, err = lockDir(dir); err != nil {
		return nil, err
	}
	if fresh {
		ident.undo = func() {
			_ = os.Remove(ident.lock.Name()) // best effort: an empty file does no harm
			undoDir()
		}
	}
	if ident.at, err = placeOf(ident.lock); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: DataDir: %w", ErrConfig, err), ident.close())
	}
	if err := ident.load(id); err != nil {
		return nil, errors.Join(err, ident.close())
	}
	return ident, nil
}

// provedDead returns the incarnation that is proved dead, 0 if none is.
func (i *identity) provedDead() uint64 {
	if i.moved != "" {
		return 0
	}
	return i.last.Incarnation
}

// lockDir takes the lock of a directory, and reports whether it has made the file for it.
// The file of a node that did not start is removed by that, so the one that was locked
// must be the one that is there.
func lockDir(dir string) (lock *os.File, fresh bool, err error) {
	name := filepath.Join(dir, "lock")
	for {
		lock, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if fresh = err == nil; errors.Is(err, os.ErrExist) {
			lock, err = os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		}
		if err != nil {
			return nil, false, fmt.Errorf("%w: DataDir: %w", ErrConfig, err)
		}
		if err := lockFile(lock); err != nil {
			return nil, false, errors.Join(fmt.Errorf("%w: %s is in use by a running process: stop it, or give this node a directory and an id of its own (%w)", ErrIdentityInUse, dir, err), lock.Close())
		}
		if sameFile(lock, name) {
			return lock, fresh, nil
		}
		if err := lock.Close(); err != nil {
			return nil, false, fmt.Errorf("%w: DataDir: %w", ErrConfig, err)
		}
	}
}

// sameFile reports whether an open file is the one that has a name.
func sameFile(file *os.File, name string) bool {
	a, errA := file.Stat()
	b, errB := os.Stat(name)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

func (i *identity) load(id string) error {
	path := filepath.Join(i.dir, "identity.json")
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: DataDir: %w", ErrConfig, err)
	}
	var rec identityRecord
	if err := json.Unmarshal(b, &rec); err != nil {
		return fmt.Errorf("%w: DataDir: %s is damaged (%w): remove it if no earlier run of this node is alive", ErrConfig, path, err)
	}
	if rec.ID != id {
		return fmt.Errorf("%w: DataDir: %s belongs to node %q, not %q: give each node a directory of its own", ErrConfig, i.dir, rec.ID, id)
	}
	i.last, i.moved = rec, rec.Place.moved(i.at)
	return nil
}

// record notes the incarnation that this process runs as, on disk before the
// node acts under it.
func (i *identity) record(group, incarnation uint64) error {
	i.last.Group, i.last.Incarnation, i.last.Place = group, incarnation, i.at
	if i.dir == "" {
		return nil
	}
	b, err := json.Marshal(i.last)
	if err != nil {
		return err
	}
	path := filepath.Join(i.dir, "identity.json")
	if err := writeSynced(path+".new", b); err != nil {
		return fmt.Errorf("server: identity: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("server: identity: %w", err)
	}
	i.undo, i.moved = nil, ""
	return syncDir(i.dir)
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("server: identity: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// close gives up the lock, having removed what was made for nothing.
func (i *identity) close() error {
	if i.lock == nil {
		return nil
	}
	if i.undo != nil {
		i.undo()
	}
	return i.lock.Close()
}
