package outlive

import (
	"os"
	"os/signal"
	"syscall"
)

// IgnoreOutputSignals has writes to an output that nobody reads any more return
// an error instead of ending the process (SIGPIPE), and writes to a terminal by a
// job in the background go through instead of stopping it (SIGTTOU).
func IgnoreOutputSignals() { signal.Ignore(outputSignals...) }

// Hangups decides what SIGHUP does to a command that runs for long, by what the
// process finds when it calls this:
//   - SIGHUP is ignored, as nohup has it: it stays so;
//   - there is a controlling terminal: SIGHUP says that it has gone, and is sent
//     to gone, which should have room for it;
//   - there is none, as in a service: stray is called each time, and nothing else
//     happens.
//
// stop ends the calls of stray.
func Hangups(gone chan<- os.Signal, stray func()) (stop func()) {
	switch {
	case signal.Ignored(syscall.SIGHUP):
		return func() {}
	case hasTerminal():
		signal.Notify(gone, syscall.SIGHUP)
		return func() {}
	}
	strays, stopping, stopped := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(strays, syscall.SIGHUP)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-strays:
				stray()
			case <-stopping:
				return
			}
		}
	}()
	return func() {
		close(stopping)
		<-stopped
	}
}

// IsHangup reports whether a signal says that the terminal has gone. It may come
// twice, from the shell and from the kernel, so it never means that somebody is
// in a hurry.
func IsHangup(sig os.Signal) bool { return sig == syscall.SIGHUP }

// hasTerminal reports whether the process has a controlling terminal.
func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|noControllingTerminal, 0)
	if err != nil {
		return false
	}
	_ = tty.Close() // nothing was written
	return true
}
