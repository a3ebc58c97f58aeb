//go:build unix

package outfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

func claim(file *os.File) error {
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return nil
}

// claimed asks with a shared lock, so that two that ask do not take each other for
// the one that has it.
func claimed(file *os.File) bool {
	fd := int(file.Fd())
	if err := syscall.Flock(fd, syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		return errors.Is(err, syscall.EWOULDBLOCK)
	}
	_ = syscall.Flock(fd, syscall.LOCK_UN) // it ends with the descriptor in any case
	return false
}
