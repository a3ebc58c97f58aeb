package deps

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// TestPolicy holds every file of the module that is not a test to its package's
// rule. It reads files, not what the build would choose of them, so that files
// for other systems count too.
func TestPolicy(t *testing.T) {
	seen := make(map[string]bool) // packages without a row are told once, not once a file
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skip(path, entry.Name())
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if plantedOnly(file) {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if _, ok := policy[dir]; !ok && seen[dir] {
			return nil
		}
		seen[dir] = true
		for _, violation := range violations(dir, file) {
			t.Errorf("%s: %s", path, violation)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["internal/planted"] {
		t.Error("package planted was not found: the test looks in the wrong place")
	}
}

// otherModules have a go.mod of their own, and their own rules.
var otherModules = []string{filepath.Join(root, "tools"), filepath.Join(root, "bench", "peers")}

// skip leaves out directories that are not of this module's packages: hidden
// ones, test data, and other modules.
func skip(path, name string) error {
	if path == root {
		return nil
	}
	if strings.HasPrefix(name, ".") || name == "testdata" || slices.Contains(otherModules, path) {
		return filepath.SkipDir
	}
	return nil
}

// TestRowsAreDownward holds that the table itself keeps to the arrows, so that a
// row cannot quietly turn one round.
func TestRowsAreDownward(t *testing.T) {
	for dir, r := range policy {
		for _, target := range r.ours {
			if _, ok := policy[target]; !ok {
				t.Errorf("%s may import %s, which has no row", dir, target)
			}
			if above(target, dir) {
				t.Errorf("%s may import %s, which stands above or beside it", dir, target)
			}
			if strings.HasPrefix(target, "cmd/") {
				t.Errorf("%s may import the command %s", dir, target)
			}
		}
	}
	for _, dir := range light() {
		if level(dir) == 0 && !strings.HasPrefix(dir, "internal/") || policy[dir].outside != nil {
			t.Errorf("applications would carry %s, which is no internal package on the standard library", dir)
		}
	}
}

// light returns the packages that come into an application with the driver, as
// the table has it.
func light() []string {
	dirs := []string{"driver"}
	for i := 0; i < len(dirs); i++ {
		for _, dir := range policy[dirs[i]].ours {
			if !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// above reports whether target stands above dir, or beside it: server and driver
// do not know each other.
func above(target, dir string) bool {
	if level(target) != level(dir) {
		return level(target) > level(dir)
	}
	return level(dir) > 0 && top(target) != top(dir)
}

// level orders the layers.
func level(dir string) int {
	switch top(dir) {
	case "cmd", "examples":
		return 3
	case "bench":
		return 2
	case "server", "driver":
		return 1
	default:
		return 0
	}
}

// top returns the first element of a directory.
func top(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// TestDriverIsLight asks the build itself what comes into an application with
// the driver: the standard library, and pure internal packages of this module.
func TestDriverIsLight(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./driver")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &stderr)
	}
	for path := range strings.FieldsSeq(string(out)) {
		if !slices.Contains(light(), strings.TrimPrefix(path, module+"/")) {
			t.Errorf("the driver carries %s into applications", path)
		}
	}
}
