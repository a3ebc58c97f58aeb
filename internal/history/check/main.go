// Command check holds a history and the delivery logs of the same run against
// each other. It is a second opinion: it shares no code with the checks that
// dsmbench makes, keeps everything in memory, and knows nothing but the files.
//
//	go run ./internal/history/check [-prefix PREFIX] HISTORY DELIVERY_LOG_DIR
//
// Each write in the logs must be one that the history has. In a group that has
// other clients too, which is what dsmbench -target uses, -prefix says what the
// names of the run's own variables begin with: writes to others are passed by.
//
// The exit status is 1 if there is a violation and 2 if the files cannot be
// read.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxShown bounds the violations that are shown.
const maxShown = 20

func main() {
	prefix := flag.String("prefix", "", "`text` that the run's own variables begin with; writes to others are passed by")
	flag.Parse()
	if flag.NArg() != 2 {
		complain(os.Stderr, "usage: check [-prefix PREFIX] HISTORY DELIVERY_LOG_DIR")
		os.Exit(2) //nolint:forbidigo // this is main
	}
	os.Exit(run(*prefix, flag.Arg(0), flag.Arg(1), os.Stdout, os.Stderr)) //nolint:forbidigo // this is main
}

// complain tells why nothing could be checked, as the exit status does too.
func complain(w io.Writer, what any) { _, _ = fmt.Fprintln(w, what) }

// run checks and tells, and returns the exit status.
func run(prefix, historyFile, logDir string, stdout, stderr io.Writer) int {
	ops, err := readHistory(historyFile)
	if err != nil {
		complain(stderr, err)
		return 2
	}
	logs, err := readLogs(logDir)
	if err != nil {
		complain(stderr, err)
		return 2
	}
	v := &verdict{prefix: prefix}
	o := v.mergeLogs(logs)
	v.checkWrites(o, ops)
	v.checkSessions(ops)
	v.checkReads(o, ops)
	v.checkStrong(ops)
	text := fmt.Sprintf("%d operations, %d nodes, positions %d to %d", len(ops), len(logs), o.first, o.last)
	if v.foreign > 0 {
		text += fmt.Sprintf(", %d writes of others", v.foreign)
	}
	status := 0
	if v.count == 0 {
		text += ": no violation"
	} else {
		status = 1
		text += fmt.Sprintf(": %d violations\n%s", v.count, strings.Join(v.texts, "\n"))
	}
	if _, err := fmt.Fprintln(stdout, text); err != nil {
		complain(stderr, err)
		return 2
	}
	return status
}

// verdict gathers violations.
type verdict struct {
	prefix  string // of our variables; empty: all are ours
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
