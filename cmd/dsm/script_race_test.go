//go:build race && unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// dispatch is a dsm that is one of two, which its format names. What runs for long, and with
// other goroutines beside it, is the first.
const dispatch = `#!/bin/sh
case "$1 $2" in
"server "*|"watch "*|"registry -"*) exec %s "$@" ;;
esac
exec %s "$@"
`

// scriptDir returns a directory with the dsm of scripts. A program with the race detector
// takes 0.2 s of a processor to start, and the scripts start 500: those that end soon are
// without it. The tests that run commands in this process have it for all of them.
func scriptDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	raced, err := exec.LookPath("dsm")
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain", "dsm")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", plain, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "dsm"), fmt.Appendf(nil, dispatch, raced, plain), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
