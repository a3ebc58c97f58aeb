// Package leak makes tests fail when goroutines outlive them. It is for tests
// only.
//
//	func TestMain(m *testing.M) { os.Exit(leak.Checked(m).Run()) }
package leak

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// project is in the stack of every goroutine that runs this project's code.
const project = "seed-8247e700/dsm/"

// patience is how long goroutines may take to end after the tests, as
// connections close in the background. No healthy run needs so much.
const patience = 10 * time.Second

// Runner is a testing.M.
type Runner interface{ Run() int }

type checked struct {
	m      Runner
	also   []string
	within time.Duration
}

// Checked returns a Runner that runs m's tests and fails if goroutines outlive
// them: those with this project in their stack, or any of also.
func Checked(m Runner, also ...string) Runner { return checked{m, also, patience} }

func (c checked) Run() int {
	code := c.m.Run()
	if left := Left(c.within, c.also...); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines outlive the tests:\n%s\n", left)
		code = 1
	}
	return code
}

// Left waits until no goroutine of the project, or with any of also in its
// stack, is left but the caller's and those that run tests. It returns the
// stacks of those that are there after that time.
func Left(within time.Duration, also ...string) string {
	deadline := time.After(within)
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		left := running(append(also, project))
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

func running(marks []string) string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for i, stack := range strings.Split(string(buf), "\n\n") {
		if i == 0 || strings.Contains(stack, "testing.tRunner") {
			continue
		}
		for _, mark := range marks {
			if strings.Contains(stack, mark) {
				left = append(left, stack)
				break
			}
		}
	}
	return strings.Join(left, "\n\n")
}
