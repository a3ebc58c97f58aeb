// Command check holds a history and the delivery logs of the same run against
// each other. It is a second opinion: it shares no code with the checks that
// dsmbench makes, keeps everything in memory, and knows nothing but the files.
//
//	go run ./internal/history/check HISTORY DELIVERY_LOG_DIR
//
// The exit status is 1 if there is a violation and 2 if the files cannot be
// read.
package main

import (
	"fmt"
	"io"
	"os"
)

// maxShown bounds the violations that are shown.
const maxShown = 20

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: check HISTORY DELIVERY_LOG_DIR")
		os.Exit(2)
	}
	os.Exit(run(os.Args[1], os.Args[2], os.Stdout, os.Stderr))
}

// run checks and tells, and returns the exit status.
func run(historyFile, logDir string, stdout, stderr io.Writer) int {
	ops, err := readHistory(historyFile)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	logs, err := readLogs(logDir)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	v := &verdict{}
	o := v.mergeLogs(logs)
	v.checkWrites(o, ops)
	v.checkSessions(ops)
	v.checkReads(o, ops)
	v.checkStrong(ops)
	fmt.Fprintf(stdout, "%d operations, %d nodes, positions %d to %d", len(ops), len(logs), o.first, o.last)
	if v.foreign > 0 {
		fmt.Fprintf(stdout, ", %d writes of others", v.foreign)
	}
	if v.count == 0 {
		fmt.Fprintln(stdout, ": no violation")
		return 0
	}
	fmt.Fprintf(stdout, ": %d violations\n", v.count)
	for _, text := range v.texts {
		fmt.Fprintln(stdout, text)
	}
	return 1
}

// verdict gathers violations.
type verdict struct {
	count   int
	foreign int
	texts   []string
}

func (v *verdict) bad(format string, args ...any) {
	v.count++
	if len(v.texts) < maxShown {
		v.texts = append(v.texts, fmt.Sprintf(format, args...))
	}
}
