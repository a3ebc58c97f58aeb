//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// Nodes and their registry have one reader of their logs. Whatever becomes of it,
// they go on, take another node in and let it go, and leave when they are told.
func TestOutliveLogReader(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no disk that is always full here:", err)
	}
	t.Cleanup(func() { _ = full.Close() })
	for _, test := range []struct {
		name   string
		nodes  int
		output func(t *testing.T) (output *os.File, lose func())
	}{
		{"ends", 3, func(t *testing.T) (*os.File, func()) {
			r, w := pipe(t)
			return w, func() { _ = r.Close() }
		}},
		{"stands still", 1, func(t *testing.T) (*os.File, func()) {
			w := fullPipe(t)
			_ = w.Fd() // blocking, as pipes between programs are
			return w, func() {}
		}},
		{"stands still behind a pipe that does not block", 1, func(t *testing.T) (*os.File, func()) {
			return fullPipe(t), func() {}
		}},
		{"is a full disk", 1, func(*testing.T) (*os.File, func()) { return full, func() {} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for the reader
			output, lose := test.output(t)
			p := newPlace(t)
			registry := p.registry
			if code := registry.end(syscall.SIGTERM); code != 0 {
				t.Fatalf("the registry ends with %d", code)
			}
			p.registry = launch(t, output, p.registryArgs()...).awaitAddr(p.path("registry.addr"))
			var nodes []*process
			for i := range test.nodes {
				nodes = append(nodes, p.node(output, fmt.Sprintf("n%d", i+1)))
			}
			lose()
			dsm(t, "set", "k", "v", "--dsn", "dsm://"+nodes[0].addr)
			another := p.node(p.create("another.log"), "another")
			awaitMembers(t, nodes[0], test.nodes+1)
			if code := another.end(syscall.SIGTERM); code != 0 {
				t.Errorf("the other node ends with %d", code)
			}
			awaitMembers(t, nodes[0], test.nodes)
			for i, node := range nodes {
				if got := dsm(t, "get", "k", "--strong", "--dsn", "dsm://"+node.addr); got != "v" {
					t.Errorf("n%d has %q", i+1, got)
				}
				if code := node.end(syscall.SIGTERM); code != 0 {
					t.Errorf("n%d ends with %d", i+1, code)
				}
			}
			if code := p.registry.end(syscall.SIGTERM); code != 0 {
				t.Errorf("the registry ends with %d", code)
			}
		})
	}
}

// A node that was started without open outputs does not take its files or sockets
// for them.
func TestOutliveClosedOutputs(t *testing.T) {
	p := newPlace(t)
	node := p.shell(nil, `exec "$0" "$@" <&- >&- 2>&-`, "n1")
	dsm(t, "set", "k", "v", "--dsn", "dsm://"+node.addr)
	if got := p.read("n1.addr"); got != node.addr+"\n" {
		t.Errorf("the file with the address has %q", got)
	}
	if code := node.end(syscall.SIGTERM); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}

// The reader of a named pipe comes back, and is told what it has missed.
func TestLostLinesAreCounted(t *testing.T) {
	p := newPlace(t)
	fifo := p.path("log")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	r, w := openFIFO(t, fifo)
	node := p.node(w, "n1")
	_ = r.Close()
	second := p.node(p.create("n2.log"), "n2")
	awaitMembers(t, node, 2)
	if code := second.end(syscall.SIGTERM); code != 0 {
		t.Errorf("the second node ends with %d", code)
	}
	awaitMembers(t, node, 1)
	r, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if code := node.end(syscall.SIGTERM); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	_ = w.Close()
	log, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(log); !strings.Contains(text, "lines of this log are lost") || !strings.Contains(text, "lines=") {
		t.Errorf("it logs %q", text)
	}
}

// openFIFO opens both ends of a named pipe.
func openFIFO(t *testing.T, path string) (r, w *os.File) {
	t.Helper()
	r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		w, err = os.OpenFile(path, os.O_WRONLY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}

// A delivery log that cannot be written ends, and the node and its group go on.
func TestOutliveDeliveryLog(t *testing.T) {
	p := newPlace(t)
	r, w := pipe(t)
	log := p.create("n2.log")
	nodes := []*process{
		p.node(p.create("n1.log"), "n1", "--delivery-log", "/dev/full"),
		p.node(log, "n2", "--delivery-log", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), w.Fd())),
	}
	_ = r.Close()
	for i, node := range nodes {
		dsm(t, "set", "k", "v", "--dsn", "dsm://"+node.addr)
		name := fmt.Sprintf("n%d.log", i+1)
		eventually(t, "word of the delivery log's end in "+name, func() bool {
			return strings.Contains(p.read(name), "the delivery log failed, the node continues without it")
		})
	}
	awaitMembers(t, nodes[0], 2)
	for i, node := range nodes {
		if got := dsm(t, "get", "k", "--strong", "--dsn", "dsm://"+node.addr); got != "v" {
			t.Errorf("n%d has %q", i+1, got)
		}
		if code := node.end(syscall.SIGTERM); code != 1 {
			t.Errorf("n%d ends with %d, want 1", i+1, code)
		}
	}
	if text := p.read("n1.log"); !strings.Contains(text, "dsm: --delivery-log: write /dev/full: no space left on device") {
		t.Errorf("n1 says %q", text)
	}
	if text := p.read("n2.log"); !strings.Contains(text, "broken pipe") {
		t.Errorf("n2 says %q", text)
	}
}

// A command whose result nobody reads ends without a word, also where SIGPIPE is
// ignored.
func TestShortCommandsEndQuietly(t *testing.T) {
	p := newPlace(t)
	node := p.node(p.create("n1.log"), "n1")
	dsm(t, "set", "k", "v", "--dsn", "dsm://"+node.addr)
	for _, first := range []string{"", `trap "" PIPE; `} {
		for _, command := range []string{"get k", "status", "set k w", "get k -o json"} {
			r, w := pipe(t)
			_ = r.Close()
			cmd := exec.Command("/bin/sh", "-c", first+"exec dsm "+command+" --dsn dsm://"+node.addr)
			var stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = w, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			q := &process{t: t, cmd: cmd}
			if code := q.wait(); code != 128+int(syscall.SIGPIPE) || stderr.Len() > 0 {
				t.Errorf("%sdsm %s: exit status %d, stderr %q", first, command, code, &stderr)
			}
		}
	}
}

// Without a terminal SIGHUP is told of, and that is all.
func TestHangupWithoutTerminal(t *testing.T) {
	defaultHangup(t)
	p := newPlace(t)
	node := p.node(p.create("n1.log"), "n1")
	for log, q := range map[string]*process{"n1.log": node, "registry.log": p.registry} {
		q.signal(syscall.SIGHUP)
		eventually(t, "word of the signal in "+log, func() bool {
			return strings.Contains(p.read(log), "SIGHUP ignored")
		})
	}
	dsm(t, "set", "k", "v", "--dsn", "dsm://"+node.addr)
	for _, q := range []*process{node, p.registry} { // without a registry no node leaves
		if code := q.end(syscall.SIGTERM); code != 0 {
			t.Errorf("%q ends with %d", q.cmd.Args[1], code)
		}
	}
}

// What nohup has begun stays, with a terminal too.
func TestHangupUnderNohup(t *testing.T) {
	p := newPlace(t)
	terminal := openTerminal(t)
	args := append([]string{"-c", `trap "" HUP; exec "$0" "$@"`, "dsm"}, p.nodeArgs("n1")...)
	node := terminal.begin(exec.Command("/bin/sh", args...)).awaitAddr(p.path("n1.addr"))
	node.signal(syscall.SIGHUP)
	terminal.hangUp()
	dsm(t, "set", "k", "v", "--dsn", "dsm://"+node.addr)
	if code := node.end(syscall.SIGTERM); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}

// A node whose terminal goes leaves its group, although it can say nothing there
// any more, and a registry ends as it should.
func TestHangupOfTerminal(t *testing.T) {
	defaultHangup(t)
	p := newPlace(t)
	stays := p.node(p.create("n1.log"), "n1")
	terminal := openTerminal(t)
	leaves := terminal.begin(exec.Command("dsm", p.nodeArgs("n2")...)).awaitAddr(p.path("n2.addr"))
	awaitMembers(t, stays, 2)
	terminal.hangUp()
	if code := leaves.wait(); code != 0 {
		t.Errorf("the node ends with %d", code)
	}
	awaitMembers(t, stays, 1) // the detection time is minutes: it has left
	if _, err := os.Stat(p.path("n2.addr")); !os.IsNotExist(err) {
		t.Errorf("the file with its address: %v", err)
	}

	if code := p.registry.end(syscall.SIGTERM); code != 0 {
		t.Errorf("the registry ends with %d", code)
	}
	second := openTerminal(t)
	registry := second.begin(exec.Command("dsm", p.registryArgs()...)).awaitAddr(p.path("registry.addr"))
	second.hangUp()
	if code := registry.wait(); code != 0 {
		t.Errorf("the registry ends with %d", code)
	}
}

// defaultHangup has children of the test begin as if SIGHUP was never ignored: the
// tests may run under nohup.
func defaultHangup(t *testing.T) {
	t.Helper()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP) // what is caught is the default in a child
	t.Cleanup(func() { signal.Stop(c) })
}

// terminal is a pseudo-terminal.
type terminal struct {
	t             *testing.T
	master, slave *os.File
}

func openTerminal(t *testing.T) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no terminals here:", err)
	}
	p := &terminal{t: t, master: master}
	t.Cleanup(p.hangUp)
	var number, unlock int32
	p.control(syscall.TIOCSPTLCK, &unlock)
	p.control(syscall.TIOCGPTN, &number)
	if p.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *terminal) control(request uintptr, value *int32) {
	p.t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, p.master.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
		p.t.Fatal(errno)
	}
}

// begin starts a command in a session of its own, of which this is the terminal.
func (p *terminal) begin(cmd *exec.Cmd) *process {
	p.t.Helper()
	cmd.Stdin = p.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return begin(p.t, p.slave, cmd)
}

// hangUp takes the terminal away.
func (p *terminal) hangUp() {
	_ = p.master.Close()
	if p.slave != nil {
		_ = p.slave.Close()
	}
}
