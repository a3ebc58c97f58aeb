package program

import (
	"time"

	"github.com/seed-8247e700/dsm/internal/outfile"
)

// pipePatience bounds how long a run waits for whoever reads a named pipe that it was
// given for a file.
var pipePatience = 10 * time.Second

// OpenOutput opens a file for results. If it is a named pipe whose reader takes nothing
// for 10 seconds, writes to it return an error.
func OpenOutput(name string) (*outfile.File, error) {
	file, err := outfile.Open(name, 0o666)
	if err != nil {
		return nil, err
	}
	file.SetPatience(pipePatience)
	return file, nil
}
