package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var errNotReady = errors.New("not ready")

func newDir(t *testing.T) *Dir {
	t.Helper()
	d, err := NewDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Remove(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestFailureShowsLog: whoever has to find out why a program does not start is
// shown what it has said.
func TestFailureShowsLog(t *testing.T) {
	p, err := Start(newDir(t), "sh", exec.Command("/bin/sh", "-c", "echo the port is taken >&2; exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	err = p.Await(t.Context(), func(context.Context) error { return errNotReady })
	if err == nil || !strings.Contains(err.Error(), "the port is taken") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("the error is %v", err)
	}
	if err := p.Kill(); err != nil {
		t.Errorf("killing one that has ended: %v", err)
	}
}

func TestAwait(t *testing.T) {
	d := newDir(t)
	file := d.Path("ready")
	p, err := Start(d, "sh", exec.Command("/bin/sh", "-c", "echo > "+file+"; exec sleep 60"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Await(t.Context(), func(context.Context) error { _, err := os.Stat(file); return err }); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Await(ctx, func(context.Context) error { return errNotReady }); !errors.Is(err, errNotReady) || !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if err := (Processes{p, p}).Kill(); err != nil {
		t.Error(err)
	}
}

func TestPorts(t *testing.T) {
	ports, err := Ports(10)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if p == 0 || seen[p] {
			t.Fatalf("%v", ports)
		}
		seen[p] = true
	}
}
