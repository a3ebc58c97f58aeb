package outfile_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/outfile"
)

// files lists what a directory has.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "text")
	for name, want := range map[string]string{
		"":                               "empty",
		dir:                              "is a directory",
		dir + "/":                        "is a directory",
		filepath.Join(dir, "no/such"):    "no such file or directory",
		filepath.Join(dir, "file/under"): "not a directory",
		filepath.Join(dir, strings.Repeat("x", 300)): "file name too long",
	} {
		if _, err := outfile.Open(name, 0o600); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%q): %v, want %q", name, err, want)
		}
		if err := outfile.Check(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check(%q): %v, want %q", name, err, want)
		}
	}
	if got := files(t, dir); got != "file" {
		t.Errorf("the directory has %q", got)
	}
}

// What is there stays until something is written, and what is new stays only then.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	old, fresh := filepath.Join(dir, "old"), filepath.Join(dir, "fresh")
	write(t, old, "something long")
	for _, name := range []string{old, fresh} {
		if err := outfile.Check(name); err != nil {
			t.Error(err)
		}
		f, err := outfile.Open(name, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil || f.Close() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := os.ReadFile(old); err != nil || string(got) != "something long" || files(t, dir) != "old" {
		t.Errorf("the file has %q (%v), the directory %q", got, err, files(t, dir))
	}
	for _, name := range []string{old, fresh} {
		f, err := outfile.Open(name, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"a", "b"} {
			if _, err := io.WriteString(f, text); err != nil {
				t.Error(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != "ab" {
			t.Errorf("%s has %q (%v)", name, got, err)
		}
	}
}

func TestMakeDir(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "text")
	for name, want := range map[string]string{"": "empty", filepath.Join(dir, "file"): "not a directory", filepath.Join(dir, "file/a/b"): "not a directory"} {
		if _, err := outfile.MakeDir(name, 0o700); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("MakeDir(%q): %v, want %q", name, err, want)
		}
	}
	undo, err := outfile.MakeDir(filepath.Join(dir, "a/b/c"), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a/x"), "text")
	undo()
	if got := files(t, filepath.Join(dir, "a")); got != "x" {
		t.Errorf("what is left is %q", got)
	}
	undo, err = outfile.MakeDir(dir, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	undo()
	if got := files(t, dir); got != "a file" {
		t.Errorf("the directory has %q", got)
	}
}
