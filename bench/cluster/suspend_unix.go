//go:build unix

package cluster

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// CanBreak says whether processes can be stopped and handed a listener here.
const CanBreak = true

// suspend stops the process until resume.
func (p *Process) suspend() error { return p.signal(syscall.SIGSTOP) }

// resume lets it go on.
func (p *Process) resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil // it was killed
}

// limitFiles makes every write of this process to a file fail, as on a disk that
// is full, or takes that back. Sockets and pipes are not concerned.
func limitFiles(full bool) error {
	signal.Ignore(syscall.SIGXFSZ) // or a write would end the process
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if full {
		limit.Cur = 0
	}
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}
