//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a dsm that a test has started, in a session of its own without a
// terminal.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string // where it serves
}

// launch starts dsm with both outputs in a file.
func launch(t *testing.T, output *os.File, args ...string) *process {
	t.Helper()
	return begin(t, output, exec.Command("dsm", args...))
}

func begin(t *testing.T, output *os.File, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.Stdout, cmd.Stderr = output, output
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	return p
}

// awaitAddr waits until the process serves, and has written where to a file.
func (p *process) awaitAddr(file string) *process {
	p.t.Helper()
	eventually(p.t, "the address in "+file, func() bool {
		text, err := os.ReadFile(file)
		p.addr = strings.TrimSpace(string(text))
		return err == nil
	})
	return p
}

// end sends a signal and returns the exit status.
func (p *process) end(sig syscall.Signal) int {
	p.t.Helper()
	p.signal(sig)
	return p.wait()
}

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the exit status, as a shell has it.
func (p *process) wait() int {
	p.t.Helper()
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Wait() // its state says all
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		p.t.Fatalf("%T is no status", p.cmd.ProcessState.Sys())
	}
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// failer is a test or a script.
type failer interface {
	Fatalf(format string, args ...any)
}

// eventually waits until done is true. It asks less and less often: done may start a
// process, and what it waits for needs the processor too.
func eventually(t failer, what string, done func() bool) {
	deadline := time.After(patience)
	for pause := 10 * time.Millisecond; !done(); pause = min(2*pause, 160*time.Millisecond) {
		select {
		case <-time.After(pause):
		case <-deadline:
			t.Fatalf("%s does not come within %v", what, patience)
		}
	}
}

// dsm runs a command that ends soon, which must succeed, and returns its stdout.
func dsm(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("dsm", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("dsm %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// awaitMembers waits until a node's group has so many members.
func awaitMembers(t *testing.T, node *process, want int) {
	t.Helper()
	pattern := regexp.MustCompile(fmt.Sprintf("with %s,", members(want)))
	eventually(t, members(want), func() bool {
		out, err := exec.Command("dsm", "status", "--dsn", "dsm://"+node.addr).Output()
		return err == nil && pattern.Match(out)
	})
}

// place is a directory with a registry and the nodes of a group.
type place struct {
	t        *testing.T
	dir      string
	registry *process
	log      *os.File // of the registry
}

// newPlace starts a registry. The detection time is so long that a view without a
// node means that the node has left.
func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir()}
	p.log = p.create("registry.log")
	p.registry = launch(t, p.log, p.registryArgs()...).awaitAddr(p.path("registry.addr"))
	return p
}

func (p *place) registryArgs() []string {
	return []string{"registry", "--listen", "127.0.0.1:0", "--addr-file", p.path("registry.addr"), "--data-dir", p.path("registry"), "--detection", "10m"}
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) create(name string) *os.File {
	p.t.Helper()
	file, err := os.Create(p.path(name))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = file.Close() })
	return file
}

// read returns what a file has.
func (p *place) read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(p.path(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// nodeArgs are the arguments of a node's dsm.
func (p *place) nodeArgs(id string, more ...string) []string {
	return append([]string{
		"server", "--id", id, "--registry", p.registry.addr, "--listen", "127.0.0.1:0",
		"--addr-file", p.path(id + ".addr"), "--data-dir", p.path(id),
	}, more...)
}

// node starts a node and waits until it serves.
func (p *place) node(output *os.File, id string, more ...string) *process {
	p.t.Helper()
	return launch(p.t, output, p.nodeArgs(id, more...)...).awaitAddr(p.path(id + ".addr"))
}

// shell starts dsm by a shell that first does something to itself, and waits until
// it serves.
func (p *place) shell(output *os.File, first, id string) *process {
	p.t.Helper()
	args := append([]string{"-c", first, "dsm"}, p.nodeArgs(id)...)
	return begin(p.t, output, exec.Command("/bin/sh", args...)).awaitAddr(p.path(id + ".addr"))
}

// pipe returns both ends of a pipe.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}

// fullPipe returns the end for writing of a pipe that has no room. Its reader
// stands still.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	_, w := pipe(t)
	chunk := bytes.Repeat([]byte{'\n'}, 1024)
	if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := w.Write(chunk); err != nil {
			break // there is no room
		}
	}
	return w
}
