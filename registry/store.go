package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/seed-8247e700/dsm/internal/outfile"
	"github.com/seed-8247e700/dsm/registry/membership"
)

// store keeps a group's durable state. save returns once the state will
// survive a loss of power; after an error it is unknown which state is kept.
type store interface {
	save(membership.State) error
	close() error
}

// memoryStore keeps nothing: the state is lost with the process.
type memoryStore struct{}

func (memoryStore) save(membership.State) error { return nil }
func (memoryStore) close() error                { return nil }

const (
	storeFile   = "registry.db"
	lockTimeout = time.Second
)

var (
	storeBucket = []byte("registry")
	storeKey    = []byte("state")
)

// boltStore keeps the state in a bbolt file, as one record that every save
// replaces in a transaction of its own.
type boltStore struct {
	db   *bbolt.DB
	undo func() // removes what was made for a state that was never saved; nil: nothing was, or it was saved
}

// hasStore reports whether the directory has a file that openBolt would open.
func hasStore(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, storeFile))
	return !errors.Is(err, os.ErrNotExist)
}

// openBolt opens or creates the file in dir and locks it. What it makes is removed by
// close unless a state was saved.
func openBolt(dir string) (store *boltStore, err error) {
	undoDir, err := outfile.MakeAll(dir, 0o700)
	if err != nil {
		return nil, fmt.Errorf("registry: create the data directory: %w", err)
	}
	defer func() {
		if err != nil {
			undoDir() // what is in use by others is not empty
		}
	}()
	path := filepath.Join(dir, storeFile)
	for {
		fresh := !hasStore(dir)
		var file *os.File
		open := func(name string, flag int, perm os.FileMode) (f *os.File, err error) {
			f, err = os.OpenFile(name, flag, perm)
			file = f
			return f, err
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, OpenFile: open})
		if errors.Is(err, bbolterrors.ErrTimeout) {
			return nil, fmt.Errorf("registry: another registry uses %s: stop it, or choose another data directory", dir)
		}
		if err != nil {
			return nil, fmt.Errorf("registry: open %s: %w; if the file is damaged, restore it from a copy, or remove it to begin a new group", path, err)
		}
		// A registry that does not start removes a file that is new: what was locked
		// must be what is there.
		if !sameFile(file, path) {
			if err := db.Close(); err != nil {
				return nil, fmt.Errorf("registry: %s: %w", path, err)
			}
			continue
		}
		store = &boltStore{db: db}
		if fresh {
			store.undo = func() {
				_ = os.Remove(path) // best effort: it has no group
				undoDir()
			}
		}
		return store, nil
	}
}

// sameFile reports whether an open file is the one that has a name.
func sameFile(file *os.File, name string) bool {
	a, errA := file.Stat()
	b, errB := os.Stat(name)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// load returns the state kept, and false if the file is new.
func (s *boltStore) load() (state membership.State, ok bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(storeBucket)
		if bucket == nil {
			return nil
		}
		record := bucket.Get(storeKey)
		if record == nil {
			return nil
		}
		state, err = decodeState(record)
		ok = err == nil
		return err
	})
	if ok || err != nil {
		s.undo = nil // another registry has been quicker to begin
	}
	if err != nil {
		return membership.State{}, false, fmt.Errorf("registry: %s: %w", s.db.Path(), err)
	}
	return state, ok, nil
}

func (s *boltStore) save(state membership.State) error {
	record, err := encodeState(state)
	if err != nil {
		return err
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(storeBucket)
		if err != nil {
			return err
		}
		return bucket.Put(storeKey, record)
	})
	if err == nil {
		s.undo = nil
	}
	return err
}

// close closes the file, having removed what was made for nothing.
func (s *boltStore) close() error {
	if s.undo != nil {
		s.undo()
	}
	return s.db.Close()
}
