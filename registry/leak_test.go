package registry

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails if goroutines of this project, or of net/http on its behalf,
// outlive the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leaked(); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines outlive the tests:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leaked waits, as connections end in the background, until nothing is left,
// and returns what still is after a time that no healthy run needs.
func leaked() string {
	deadline := time.After(10 * time.Second)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		left := running()
		if left == "" {
			return ""
		}
		select {
		case <-again.C:
		case <-deadline:
			return left
		}
	}
}

func running() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for i, stack := range strings.Split(string(buf), "\n\n") {
		// The first stack is the caller's.
		if i > 0 && (strings.Contains(stack, "net/http") || strings.Contains(stack, "/dsm/registry")) {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}
