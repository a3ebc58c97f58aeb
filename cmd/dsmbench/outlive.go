package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-8247e700/dsm/internal/outlive"
)

// readerTime bounds how long dsmbench waits for what it has said on stderr to be
// read, before a report and at its end.
const readerTime = time.Second

// newNotices returns what takes the place of stderr: it does not fail and does not
// block, so that no run, and no process of one, ends or stands still because nobody
// reads what it says.
func newNotices(stderr io.Writer, asJSON bool) *outlive.Writer {
	return outlive.NewWriter(stderr, func(lines uint64) []byte {
		var line bytes.Buffer
		_, _ = fmt.Fprintf(&notices{w: &line, asJSON: asJSON}, "dsmbench: %d lines are lost: the reader of stderr did not read them\n", lines)
		return line.Bytes()
	})
}

// interruptible returns a context that ends with the first SIGINT or SIGTERM, or
// when the terminal goes. The second SIGINT or SIGTERM ends the process at once.
func interruptible(stderr io.Writer, asJSON bool) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	_ = outlive.Hangups(signals, func() { // until the end
		_, _ = fmt.Fprintln(&notices{w: stderr, asJSON: asJSON}, "dsmbench: SIGHUP ignored: the process has no terminal")
	})
	go func() {
		<-signals
		cancel()
		<-time.After(outlive.EchoTime) // the same one may come twice
		signal.Reset(os.Interrupt, syscall.SIGTERM)
	}()
	return ctx
}

// results is stdout. What was said on stderr before comes first, where both are the
// same terminal.
type results struct {
	notices *outlive.Writer
	stdout  *os.File
	unread  bool // nobody reads stderr
}

// Write writes all of p, or returns an error.
func (r *results) Write(p []byte) (int, error) {
	r.unread = r.unread || !r.notices.Flush(readerTime)
	return r.stdout.Write(p)
}

// Unwrap returns stdout itself.
func (r *results) Unwrap() io.Writer { return r.stdout }
