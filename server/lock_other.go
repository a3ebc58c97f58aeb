//go:build !unix

package server

import (
	"errors"
	"os"
)

// lockFile refuses: without a lock there is no proof that a predecessor is dead.
func lockFile(*os.File) error {
	return errors.New("no file locks on this system: leave DataDir empty")
}
