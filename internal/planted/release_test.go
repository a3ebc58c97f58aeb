//go:build !race

package planted_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReleaseHasNoMistake holds the promise of the package: without the tag, a
// planted branch leaves neither symbol nor string behind. The build with the tag
// shows that the test would see them. The race detector has nothing to find here: what
// is looked at is built without it.
func TestReleaseHasNoMistake(t *testing.T) {
	for _, tc := range []struct {
		tags string
		want bool
	}{
		{tags: "", want: false},
		{tags: "planted", want: true},
	} {
		binary := build(t, tc.tags, "./testdata/release")
		content, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(content, []byte("this is the planted mistake")); got != tc.want {
			t.Errorf("tags %q: the mistake's string is in the binary: %v, want %v", tc.tags, got, tc.want)
		}
		found := symbols(t, binary, "main.mistake")
		if got := len(found) > 0; got != tc.want {
			t.Errorf("tags %q: the mistake's symbol is in the binary: %v, want %v", tc.tags, got, tc.want)
		}
		found = symbols(t, binary, "/internal/planted.")
		if got := len(found) > 0; got != tc.want {
			t.Errorf("tags %q: symbols of package planted: %q, want any: %v", tc.tags, found, tc.want)
		}
	}
}

// TestCommandsHaveNoMistake looks into every command of the module.
func TestCommandsHaveNoMistake(t *testing.T) {
	for _, dir := range commands(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			if found := symbols(t, build(t, "", dir), "/internal/planted."); len(found) > 0 {
				t.Errorf("a release binary has symbols of package planted: %q", found)
			}
		})
	}
}

// commands lists the directories of the module's commands.
func commands(t *testing.T) []string {
	t.Helper()
	mains, err := filepath.Glob("../../cmd/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	dirs := make([]string, 0, len(mains))
	for _, name := range mains {
		dirs = append(dirs, filepath.ToSlash(filepath.Dir(name)))
	}
	return dirs
}

// build compiles the command in dir, whatever tags the test itself runs under,
// and returns the binary's path.
func build(t *testing.T, tags, dir string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "probe")
	run(t, "go", "build", "-buildvcs=false", "-tags="+tags, "-o", binary, dir)
	return binary
}

// symbols returns the symbols of a binary whose names contain part.
func symbols(t *testing.T, binary, part string) []string {
	t.Helper()
	listing := run(t, "go", "tool", "nm", binary)
	if !strings.Contains(listing, " main.main\n") {
		t.Fatalf("no symbol table in %s", binary)
	}
	var found []string
	for line := range strings.Lines(listing) {
		if strings.Contains(line, part) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// run executes a command and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &stderr)
	}
	return string(out)
}
