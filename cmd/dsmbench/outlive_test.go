//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-8247e700/dsm/internal/underrace"
)

// TestMain puts dsmbench, which is this binary, into PATH.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"dsmbench": main}) }

// patience bounds every wait. It is not what anything should take.
const patience = 2 * time.Minute

// benchProcess is a dsmbench that a test has started.
type benchProcess struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout string // file
	temp   string // directory for temporary files
}

// launch starts dsmbench in a session of its own.
func launch(t *testing.T, stderr *os.File, terminal *os.File, args ...string) *benchProcess {
	t.Helper()
	p := &benchProcess{t: t, cmd: exec.Command("dsmbench", args...), stdout: filepath.Join(t.TempDir(), "stdout"), temp: t.TempDir()}
	stdout, err := os.Create(p.stdout)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdout.Close() }()
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.temp)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if terminal != nil {
		p.cmd.Stdin, p.cmd.SysProcAttr.Setctty = terminal, true
	}
	p.start()
	return p
}

func (p *benchProcess) start() {
	p.t.Helper()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
}

// expect waits for the end, with a status and a report that ends in a word.
func (p *benchProcess) expect(status int, word string) {
	p.t.Helper()
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Wait() // its state says all
	report, err := os.ReadFile(p.stdout)
	if err != nil {
		p.t.Fatal(err)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != status || !bytes.HasSuffix(report, []byte(word)) {
		p.t.Errorf("%v: %v, stdout %s", p.cmd.Args, p.cmd.ProcessState, report)
	}
	left, err := filepath.Glob(filepath.Join(p.temp, "*"))
	if err != nil || len(left) > 0 {
		p.t.Errorf("it leaves %q (%v)", left, err)
	}
}

// awaitLoad waits until clients have been answered.
func (p *benchProcess) awaitLoad(history string) {
	p.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if info, err := os.Stat(history); err == nil && info.Size() > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatal("there is no load")
		}
	}
}

// sameGroup sends a signal to dsmbench and all of its processes, as a terminal or a
// service manager does.
func (p *benchProcess) sameGroup(sig syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, sig); err != nil {
		p.t.Fatal(err)
	}
}

// unread returns outputs that nobody reads.
func unread(t *testing.T) map[string]*os.File {
	t.Helper()
	ended, broken, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = ended.Close()
	stopped, full, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := full.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = full.Write(bytes.Repeat([]byte{'\n'}, 1024))
	}
	_ = full.Fd() // blocking from now on, as pipes between programs are
	t.Cleanup(func() { _, _, _ = broken.Close(), full.Close(), stopped.Close() })
	return map[string]*os.File{"a reader that has ended": broken, "a reader that stands still": full}
}

// Whatever becomes of the reader of stderr, every kind of run is made to its end.
func TestOutlivesReaderOfNotices(t *testing.T) {
	const load = " -duration 300ms -warmup 0s -clients 2 -keys 20"
	for name, stderr := range unread(t) {
		kinds := []string{
			"-nodes 2" + load,
			"-nodes 2 -processes" + load,
			"-nodes 2 -faults reset:n1-n2@100ms" + load,
			"join -nodes 1 -size 16KiB -value-size 1KiB -clients 1 -baseline 1s -after 1s",
			"hostile -nodes 1 -clients 1 -phase 1s -conns 10 -attacks idle",
			"idle -nodes 1 -settle 0s -duration 1s",
		}
		if strings.Contains(name, "still") || underrace.Enabled {
			// All have the same stderr, and each waits for its reader. The others have tests of their
			// own under the race detector.
			kinds = kinds[:3]
		}
		for _, args := range kinds {
			t.Run(name+"/"+strings.Fields(args)[0]+strings.Fields(args)[2], func(t *testing.T) {
				t.Parallel() // it lasts as long as its phases, idle or not
				p := launch(t, stderr, nil, strings.Fields(args)...)
				kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
				defer kill.Stop()
				_ = p.cmd.Wait()
				// What is measured in so short a time may not be worth a PASS.
				report, err := os.ReadFile(p.stdout)
				if code := p.cmd.ProcessState.ExitCode(); err != nil || code != 0 && code != 1 || !bytes.Contains(report, []byte("\nPASS\n")) && !bytes.Contains(report, []byte("\nFAIL\n")) {
					t.Errorf("%v: %v, stdout %s (%v)", p.cmd.Args, p.cmd.ProcessState, report, err)
				}
			})
		}
	}
}

// A report that nobody takes is an error, of a run that has cleaned up after itself.
func TestReportThatNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	_ = r.Close()
	for _, args := range []string{"-nodes 1", "-faults registry@10ms+10ms -o json -nodes 1"} {
		var stderr bytes.Buffer
		cmd := exec.Command("dsmbench", short(args)...)
		cmd.Stdout, cmd.Stderr = w, &stderr
		p := &benchProcess{t: t, cmd: cmd, stdout: os.DevNull, temp: t.TempDir()}
		cmd.Env = append(os.Environ(), "TMPDIR="+p.temp)
		p.start()
		p.expect(exitFail, "")
		if !strings.Contains(stderr.String(), "broken pipe") {
			t.Errorf("%s: it says %s", args, &stderr)
		}
	}
}

// A terminal or a service manager sends its signal to the nodes as well, which end
// when dsmbench has no more use for them.
func TestSignalForAll(t *testing.T) {
	defaultHangup(t)
	for _, test := range []struct {
		signal   syscall.Signal
		terminal bool
	}{{syscall.SIGINT, true}, {syscall.SIGTERM, false}, {syscall.SIGHUP, true}} {
		t.Run(test.signal.String(), func(t *testing.T) {
			var terminal *os.File
			if test.terminal {
				terminal = openTerminal(t)
			}
			dir := t.TempDir()
			p := launch(t, nil, terminal, strings.Fields("-nodes 2 -processes -duration 1h -clients 2 -keys 20 -warmup 0s -history "+dir+"/history")...)
			p.awaitLoad(dir + "/history")
			p.sameGroup(test.signal)
			p.expect(exitPass, "\nPASS\n")
		})
	}
}

// Without a terminal SIGHUP says nothing about one.
func TestHangupWithoutTerminal(t *testing.T) {
	defaultHangup(t)
	dir := t.TempDir()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	p := launch(t, w, nil, strings.Fields("-nodes 2 -processes -duration 1h -clients 2 -keys 20 -warmup 0s -history "+dir+"/history")...)
	p.awaitLoad(dir + "/history")
	p.sameGroup(syscall.SIGHUP)
	if err := r.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var text []byte
	for !bytes.Contains(text, []byte("SIGHUP ignored")) {
		b := make([]byte, 4096)
		n, err := r.Read(b)
		if text = append(text, b[:n]...); err != nil {
			t.Fatalf("%v after %s", err, text)
		}
	}
	p.sameGroup(syscall.SIGTERM)
	p.expect(exitPass, "\nPASS\n")
}

// defaultHangup has children of the test begin as if SIGHUP was never ignored: the
// tests may run under nohup.
func defaultHangup(t *testing.T) {
	t.Helper()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP) // what is caught is the default in a child
	t.Cleanup(func() { signal.Stop(c) })
}

// openTerminal returns a terminal for a process to have.
func openTerminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no terminals here:", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	var number, unlock int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
			t.Fatal(errno)
		}
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return slave
}
