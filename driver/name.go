package driver

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/seed-8247e700/dsm/internal/wire"
)

// maxProgramBytes is how much of a program's name stands in that of its process.
const maxProgramBytes = 24

// processName is what handles call themselves unless the option client is given: the
// program, the process and the host. All handles of a process are then one client.
var processName = sync.OnceValue(func() string {
	program := "unknown"
	if len(os.Args) > 0 {
		program = filepath.Base(os.Args[0])
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return wire.CleanClient(fmt.Sprintf("%.*s[%d]@%s", maxProgramBytes, program, os.Getpid(), host))
})
