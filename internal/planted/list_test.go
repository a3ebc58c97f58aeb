//go:build planted

package planted_test

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/internal/planted"
)

const plantedPath = "github.com/seed-8247e700/dsm/internal/planted"

// TestPlantedListIsWhole holds that the list has every constant of bugs.go once,
// in order and under its own name.
func TestPlantedListIsWhole(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "bugs.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var constants []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			constants = append(constants, spec.Names[0].Name)
		}
		return true
	})
	var listed []string
	for i, info := range planted.Bugs {
		if int(info.Bug) != i+1 {
			t.Errorf("%s: number %d at place %d of the list", info.Name, info.Bug, i)
		}
		if info.Description == "" {
			t.Errorf("%s has no description", info.Name)
		}
		listed = append(listed, info.Name)
	}
	if !slices.Equal(constants, listed) {
		t.Errorf("constants %q\nlisted    %q", constants, listed)
	}
}

// TestPlantedEveryBugIsCaught fails for a bug that is planted in no code, or
// named in no test file with a TestPlanted function.
func TestPlantedEveryBugIsCaught(t *testing.T) {
	in, by := make(map[string][]string), make(map[string][]string)
	for _, path := range sources(t) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		where := in
		if strings.HasSuffix(path, "_test.go") {
			if !catches(file) {
				continue
			}
			where = by
		}
		for _, name := range mentions(file) {
			where[name] = append(where[name], strings.TrimPrefix(path, "../../"))
		}
	}
	for _, info := range planted.Bugs {
		switch {
		case in[info.Name] == nil:
			t.Errorf("planted bug %s (%s) is planted nowhere", info.Name, info.Description)
		case by[info.Name] == nil:
			t.Errorf("planted bug %s (%s) is caught by no test", info.Name, info.Description)
		default:
			t.Logf("planted bug %s: %s: planted in %s, tried in %s", info.Name, info.Description,
				strings.Join(in[info.Name], ", "), strings.Join(by[info.Name], ", "))
		}
	}
}

// TestPlantedInOnePackage fails for a bug that is planted in two packages: a copy of
// the code that ships proves nothing of it.
func TestPlantedInOnePackage(t *testing.T) {
	of := map[string]string{}
	for _, path := range sources(t) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
		for _, name := range mentions(file) {
			if name == "On" {
				continue
			}
			if before := of[name]; before != "" && before != dir {
				t.Errorf("planted bug %s is planted in %s and in %s", name, before, dir)
			}
			of[name] = dir
		}
	}
}

// sources lists the module's Go files outside this package.
func sources(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		slashed := filepath.ToSlash(path)
		name := entry.Name()
		if entry.IsDir() {
			if slashed == "../../internal/planted" || name == "testdata" || (strings.HasPrefix(name, ".") && slashed != "../..") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".go") {
			paths = append(paths, slashed)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// catches reports whether a test file is compiled under the tag only and has a
// TestPlanted function.
func catches(file *ast.File) bool {
	return tagged(file) && slices.ContainsFunc(file.Decls, func(decl ast.Decl) bool {
		function, ok := decl.(*ast.FuncDecl)
		return ok && strings.HasPrefix(function.Name.Name, "TestPlanted")
	})
}

// tagged reports whether a file's build constraint asks for the tag.
func tagged(file *ast.File) bool {
	for _, group := range file.Comments {
		for _, line := range group.List {
			if expr, err := constraint.Parse(line.Text); err == nil && group.Pos() < file.Package {
				return !expr.Eval(func(tag string) bool { return tag != "planted" })
			}
		}
	}
	return false
}

// mentions returns the constants of package planted that a file names.
func mentions(file *ast.File) []string {
	name := ""
	for _, spec := range file.Imports {
		if strings.Trim(spec.Path.Value, `"`) == plantedPath {
			name = "planted"
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	}
	if name == "" {
		return nil
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if ident, ok := sel.X.(*ast.Ident); ok && ident.Name == name && !slices.Contains(found, sel.Sel.Name) {
				found = append(found, sel.Sel.Name)
			}
		}
		return true
	})
	return found
}
