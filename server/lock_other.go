//go:build !unix

package server

import (
	"errors"
	"os"
)

// lockFile refuses: without a lock there is no proof that a predecessor is dead.
func lockFile(*os.File) error {
	return errNoLocks
}

// fileID refuses for the same reason.
func fileID(*os.File) (device, inode uint64, err error) { return 0, 0, errNoLocks }

var errNoLocks = errors.New("no file locks on this system: leave DataDir empty")
