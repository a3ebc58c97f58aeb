//go:build !unix

package outlive

import (
	"os"
	"syscall"
)

var outputSignals = []os.Signal{syscall.SIGPIPE}

const noControllingTerminal = 0
