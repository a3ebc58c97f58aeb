package outfile

import (
	"errors"
	"os"
	"path/filepath"
)

// MakeDir makes a directory, with those above it, and makes sure that files can be
// made in it. undo removes those that it has made, as far as they are empty.
func MakeDir(name string, perm os.FileMode) (undo func(), err error) {
	undo, err = MakeAll(name, perm)
	if err != nil {
		return nil, err
	}
	if err := Room(name); err != nil {
		undo()
		return nil, err
	}
	return undo, nil
}

// MakeAll is MakeDir for a directory that may be one in which no files can be made.
func MakeAll(name string, perm os.FileMode) (undo func(), err error) {
	if name == "" {
		return nil, errors.New("the name of the directory is empty")
	}
	var made []string // the lowest first
	for dir := filepath.Clean(name); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		made = append(made, dir)
	}
	undo = func() {
		for _, dir := range made {
			if os.Remove(dir) != nil {
				return // it has something
			}
		}
	}
	if err := os.MkdirAll(name, perm); err != nil {
		undo()
		return nil, err
	}
	return undo, nil
}

// Room reports whether files can be made in a directory, and leaves no trace.
func Room(dir string) error {
	file, err := os.CreateTemp(dir, ".dsm-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
