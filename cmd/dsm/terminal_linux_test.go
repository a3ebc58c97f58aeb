package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

// onTerminal runs dsm with its output on a terminal, and returns what is shown there.
func onTerminal(t *testing.T, columns uint16, env []string, args ...string) string {
	t.Helper()
	p := openTerminal(t)
	defer p.hangUp()
	size := [2]int32{24 | int32(columns)<<16, 0} // rows, columns, and two that do not matter
	p.control(syscall.TIOCSWINSZ, &size[0])
	path, err := exec.LookPath("dsm")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = p.slave, p.slave, append(os.Environ(), env...)
	err = cmd.Start()
	if err := errors.Join(err, p.slave.Close()); err != nil {
		t.Fatal(err)
	}
	p.slave = nil
	var shown bytes.Buffer
	_, err = io.Copy(&shown, p.master) // until dsm has closed its end, which is EIO
	if err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.ReplaceAll(shown.String(), "\r\n", "\n")
}

// On a real terminal everything is escaped, and tables fit.
func TestOnATerminal(t *testing.T) {
	g := startGroupOf(t)
	dsn := "--dsn=" + g.dsn
	const evil = "\x1b[2J\u009b31m\x7f\u202e\xff\r"
	const shown = `\x1b[2J\u009b31m\x7f\u202e\xff\r`
	onTerminal(t, 80, nil, "set", evil, evil, dsn)
	if got := onTerminal(t, 80, nil, "get", evil, dsn); got != shown+"\n" {
		t.Errorf("get shows %q", got)
	}
	if got := onTerminal(t, 80, nil, "ls", "--keys-only", dsn); got != shown+"\n" {
		t.Errorf("ls shows %q", got)
	}
	for _, args := range [][]string{
		{"get", "no " + evil, dsn},
		{"add", evil, "1", dsn},
		{"cas", evil, evil, "--version", "1", dsn},
		{"get", evil, "--" + evil},
		{evil},
		{"get", "k", "--dsn", "dsm://" + evil},
		{"get", evil, "-o", "json", dsn},
		{"get", evil, "-o", evil},
		{"registry", "status", "--registry", evil},
		{"server", "--id", evil},
		{"server", "--id", "n2", "--registry", "127.0.0.1:1", "--delivery-log", "no/such/" + evil},
		{"server", "--id", "n2", "--log-level", evil},
	} {
		got := onTerminal(t, 80, nil, args...)
		if got == "" {
			t.Errorf("%q shows nothing", args)
		}
		for _, r := range got {
			if r != '\n' && r != '\t' && (r == utf8.RuneError || harmful(r)) {
				t.Errorf("%q shows %q, with %q in it", args, got, r)
			}
		}
	}
	for _, test := range []struct {
		columns uint16
		env     []string
		want    string // how the table begins
	}{
		{200, nil, "┌"},
		{200, []string{"NO_COLOR=1"}, "┌"},
		{200, []string{"TERM=dumb"}, "rank  id  incarnation"},
		{40, nil, "rank         0\n"},
		{0, nil, "rank"}, // which does not say how wide it is
	} {
		for _, args := range [][]string{{"status", dsn}, {"registry", "status", "--registry", g.registry}} {
			got := onTerminal(t, test.columns, append([]string{"TERM=xterm"}, test.env...), args...)
			if !strings.Contains(got, "\n"+test.want) && test.columns > 0 {
				t.Errorf("%q at %d columns with %q shows\n%s", args, test.columns, test.env, got)
			}
			if strings.ContainsRune(got, '\x1b') {
				t.Errorf("%q at %d columns with %q has colours: %q", args, test.columns, test.env, got)
			}
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(line) - 1; strings.HasPrefix(line, "│") && n > int(max(test.columns, 80)) {
					t.Errorf("%q at %d columns: a line of %d", args, test.columns, n)
				}
			}
		}
	}
}

// harmful reports whether a terminal takes a character for a command, or hides what
// stands around it.
func harmful(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
