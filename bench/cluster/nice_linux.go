package cluster

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// niceness is how much less of a busy processor the process gets.
const niceness = 5

// beNice has this process yield to others: what it stands for would be on other
// machines. The threads that there are pass it on to those that they start.
func beNice() error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, niceness); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("yielding to other processes: %w", err)
		}
	}
	return nil
}
