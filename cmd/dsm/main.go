// Command dsm runs the registry and the nodes of a group, and reads and writes
// its variables by hand. See its --help, and that of its subcommands, each of
// which has a file of its own here.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/seed-8247e700/dsm/internal/console"
	"github.com/seed-8247e700/dsm/internal/outlive"
)

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(context.Background(), os.Args[1:], &surroundings{
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		signals: signals,
		endedByHangup: func() {
			if !signal.Ignored(syscall.SIGHUP) {
				signal.Notify(signals, syscall.SIGHUP)
			}
		},
		hangups:   func(stray func()) (stop func()) { return outlive.Hangups(signals, stray) },
		attended:  term.IsTerminal(int(os.Stdin.Fd())),
		onDisplay: term.IsTerminal(int(os.Stdout.Fd())),
		width:     console.Width(os.Stdout),
	}))
}
