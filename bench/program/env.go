package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ErrInterrupted says that the context ended before there was a group under
// load, and anything to report.
var ErrInterrupted = errors.New("bench: interrupted before anything was measured")

// Env is where a run happens.
type Env struct {
	// Notices takes progress and what the nodes have to say, those in processes of
	// their own too. It must not block, or they would stand still. Default: nowhere.
	Notices io.Writer
	// Progress is a terminal on which a progress bar is drawn. Default: none.
	Progress *os.File
	// Profiles that the processes of a run take, each in files of its own, whose
	// names end with its name. Default: none.
	Profiles Profiles
}

// OrNowhere is e with its default.
func (e Env) OrNowhere() Env {
	if e.Notices == nil {
		e.Notices = io.Discard
	}
	return e
}

// Notice tells people what goes on. That they cannot be told stops nothing.
func (e Env) Notice(format string, args ...any) {
	_, _ = fmt.Fprintf(e.Notices, "dsmbench: "+format+"\n", args...)
}

// Pause waits, and reports whether it did so to the end.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
