package main

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A signal ends every command that waits for an answer, SIGHUP too, and it says so as
// JSON with the exit status that a shell would show.
func TestSignalsOfProcesses(t *testing.T) {
	defaultHangup(t)
	servers, registry := "--dsn=dsm://ADDR", "--dsn=dsm+registry://ADDR"
	for _, args := range [][]string{
		{"get", "k", servers},
		{"set", "k", "v", registry},
		{"get", "k", "--stale", servers},
		{"ls", servers},
		{"ls", "--wait", registry},
		{"scan", servers},
		{"watch", servers},
		{"watch", "--wait", registry},
		{"status", servers},
		{"registry", "status", "--registry", "ADDR"},
	} {
		for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
			endsBy(t, signal, 128+int(signal), "interrupted", args)
		}
	}
	// What may have been done is not called undone.
	endsBy(t, syscall.SIGTERM, exitUnknown, "outcome_unknown", []string{"registry", "new-generation", "--force", "--registry", "ADDR"})
}

// endsBy runs a command until it has connected to ADDR, sends it a signal, and compares
// how it ends.
func endsBy(t *testing.T, signal syscall.Signal, status int, code string, args []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var stdout, stderr strings.Builder
	cmd := exec.Command("dsm", slices.Concat(args, []string{"-o", "json", "--timeout", "1h"})...)
	for i, arg := range cmd.Args {
		cmd.Args[i] = strings.ReplaceAll(arg, "ADDR", l.Addr().String())
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	_ = conn.Close()
	end := fmt.Sprintf(`"exit_status":%d}}`+"\n", status)
	if cmd.ProcessState.ExitCode() != status || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 ||
		!strings.HasPrefix(stderr.String(), `{"error":{"code":"`+code+`",`) || !strings.HasSuffix(stderr.String(), end) {
		t.Errorf("dsm %q, %v: %v, on stdout %q, on stderr %q", args, signal, cmd.ProcessState, stdout.String(), stderr.String())
	}
}
