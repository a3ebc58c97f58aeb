package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// leakChecked runs tests, and fails if goroutines of this project outlive them.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if left := leaked(); code == 0 && left != "" {
		_, _ = fmt.Fprintf(os.Stderr, "goroutines outlive the tests:\n%s\n", left)
		code = 1
	}
	return code
}

// leaked waits, as connections end in the background, until no goroutine but
// this one is left, and returns those that are after a time that no healthy run
// needs.
func leaked() string {
	deadline := time.After(10 * time.Second)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		var left []string
		for _, stack := range stacks[1:] { // the first is this one
			if strings.Contains(stack, "seed-8247e700/dsm") {
				left = append(left, stack)
			}
		}
		if left == nil {
			return ""
		}
		select {
		case <-again.C:
		case <-deadline:
			return strings.Join(left, "\n\n")
		}
	}
}
