package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree lists all that is below a directory, with what files have.
func tree(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil && entry.Type().IsRegular() {
			var text []byte
			text, err = os.ReadFile(path)
			name += "=" + string(text)
		}
		list = append(list, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A file or a directory that cannot be written is found out before anything is
// started. What is there stays, and nothing is left behind.
func TestFilesAreCheckedFirst(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"-history DIR/no/such", "--history: open DIR/no/such: no such file or directory"},
		{"-history DIR/file/x", "not a directory"},
		{"-history DIR/dir", "is a directory"},
		{"-history=", "--history is empty"},
		{"-hist DIR/no/such", "--hist: open DIR/no/such: no such file or directory"},
		{"-hist DIR/dir", "is a directory"},
		{"-hist DIR/h", "--hist: open DIR/h.get: is a directory"},
		{"-hist=", "--hist is empty"},
		{"-delivery-log DIR/file", "--delivery-log: mkdir DIR/file: not a directory"},
		{"-delivery-log DIR/file/x/y", "not a directory"},
		{"-delivery-log=", "--delivery-log is empty"},
		{"-delivery-log DIR/new/logs -history DIR/no/such", "--history: open"},
		{"-history DIR/new -hist DIR/no/such", "--hist: open"},
		{"-cpuprofile DIR/no/such", "open DIR/no/such: no such file or directory"},
		{"-memprofile DIR/no/such", "open DIR/no/such: no such file or directory"},
		{"-memprofile DIR/dir", "is a directory"},
		{"-memprofile DIR/new -trace DIR/file/x", "not a directory"},
		{"-trace=", "--trace is empty"},
		{"-history DIR/file -cpuprofile DIR/dir/../file", "--history and --cpuprofile both write"},
		{"-memprofile DIR/new -trace DIR/dir/../new", "--memprofile and --trace both write"},
		{"-cpuprofile DIR/new -memprofile DIR/dir/../new.n1", "--cpuprofile and --memprofile both write DIR/dir/../new.n1"},
		{"-memprofile DIR/new -trace DIR/new.registry", "--memprofile and --trace both write"},
		{"-memprofile DIR/new.n12 -trace DIR/new", "--memprofile and --trace both write DIR/new.n12"},
		{"-hist DIR/new -cpuprofile DIR/new.set", "--hist and --cpuprofile both write"},
		{"-history DIR/new.n1 -trace DIR/new", "--history and --trace both write"},
		{"-history DIR/new -hist DIR/new", "--history and --hist both write"},
		{"idle -memprofile DIR/no/such", "open DIR/no/such: no such file or directory"},
		{"idle -cpuprofile=", "--cpuprofile is empty"},
		{"curve -json DIR/no/such", "--json: open DIR/no/such: no such file or directory"},
		{"curve -json DIR/dir", "is a directory"},
		{"curve -json=", "--json is empty"},
		{"curve -json DIR/new -cpuprofile DIR/new", "--json and --cpuprofile both write"},
		{"curve -json DIR/new -cpuprofile DIR/no/such", "no such file"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"file": "the user's", "dir/kept": "", "h.get/kept": ""} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before := tree(t, dir)
		var stdout, stderr strings.Builder
		code := run(t.Context(), strings.Fields(strings.ReplaceAll(test.args, "DIR", dir)), &stdout, &stderr)
		if want := strings.ReplaceAll(test.want, "DIR", dir); code != exitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: exit status %d, stderr %q, want %d and %q", test.args, code, stderr.String(), exitUsage, want)
		}
		if after := tree(t, dir); !slices.Equal(before, after) {
			t.Errorf("%s: there is %q, and was %q", test.args, after, before)
		}
	}
}

// The processes of a run have profiles of their own, which are checked as well.
func TestProfilesOfProcessesAreCheckedFirst(t *testing.T) {
	for _, args := range []string{"-nodes 2 -processes", "-nodes 2 -faults kill:n2@10ms", "idle -nodes 2"} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "cpu.n2"), 0o700); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		code := run(t.Context(), append(strings.Fields(args), "-cpuprofile", filepath.Join(dir, "cpu")), &stdout, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), "cpu.n2: is a directory") {
			t.Errorf("%s: exit status %d, stderr %q", args, code, stderr.String())
		}
		if _, err := os.Stat(filepath.Join(dir, "cpu.registry")); err == nil {
			t.Errorf("%s: the registry was started", args)
		}
	}
}

// What fails later leaves no new files, and old ones as they were.
func TestFilesOfARunThatFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old"), []byte("an earlier history"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	for _, history := range []string{"new", "old"} {
		var stdout, stderr strings.Builder
		args := "-target dsm://127.0.0.1:1 -history DIR/" + history + " -hist DIR/hist -delivery-log DIR/logs/of/nodes"
		if code := run(t.Context(), strings.Fields(strings.ReplaceAll(args, "DIR", dir)), &stdout, &stderr); code != exitFail {
			t.Errorf("exit status %d, stderr %s", code, stderr.String())
		}
	}
	if after := tree(t, dir); !slices.Equal(before, after) {
		t.Errorf("there is %q, and was %q", after, before)
	}
}
