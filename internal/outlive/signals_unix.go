//go:build unix

package outlive

import (
	"os"
	"syscall"
)

var outputSignals = []os.Signal{syscall.SIGPIPE, syscall.SIGTTOU}

const noControllingTerminal = syscall.O_NOCTTY
