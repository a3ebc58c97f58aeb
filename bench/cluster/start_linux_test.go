package cluster

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// parentOfStopped has the test binary be the parent of a child that stops itself.
const parentOfStopped = "DSM_TEST_PARENT_OF_STOPPED"

// TestStoppedChildEndsWithParent kills a parent whose child is stopped and cannot
// notice. Both have the same stderr: it ends when both have.
func TestStoppedChildEndsWithParent(t *testing.T) {
	if os.Getenv(parentOfStopped) != "" {
		cmd := exec.Command("/bin/sh", "-c", "echo $$; kill -STOP $$")
		cmd.Stderr = os.Stderr
		p, err := startCommand("n1", cmd)
		if err != nil {
			t.Fatal(err)
		}
		line, err := p.stdout.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
			t.Fatalf("the child has not stopped: %v, %v", status, err)
		}
		_, _ = io.WriteString(os.Stderr, line)
		select {} // until it is killed
	}
	parent := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
	parent.Env = append(os.Environ(), parentOfStopped+"=1")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	parent.Stderr = w
	if err := errors.Join(parent.Start(), w.Close()); err != nil {
		t.Fatal(err)
	}
	told := bufio.NewReader(r)
	line, err := told.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	if err := r.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(told); err != nil {
		t.Errorf("the child is still there: %v", err)
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
}
