package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestFind shows the mutants of pieces of code, and that they compile where they can.
func TestFind(t *testing.T) {
	datadriven.Walk(t, "testdata/find", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			source := []byte("package p; " + strings.TrimSpace(d.Input) + "\n")
			if err := check(source); err != nil {
				t.Fatalf("%s: %v", d.Pos, err)
			}
			constants := make(map[string]bool)
			if err := constantsOf(source, constants); err != nil {
				t.Fatal(err)
			}
			mutants, err := find("p.go", source, constants)
			if err != nil {
				t.Fatal(err)
			}
			var shown strings.Builder
			var all []*mutant
			for i := range mutants {
				m := &mutants[i]
				m.number = i + 1
				all = append(all, m)
				fmt.Fprintf(&shown, "%d: %s", m.line, strings.TrimPrefix(m.what(), m.function+": "))
				if err := check(apply(source, all[i:i+1])); err != nil {
					fmt.Fprintf(&shown, " (%v)", err)
				}
				shown.WriteString("\n")
			}
			for _, batch := range batches(all) {
				if err := check(apply(source, batch)); err != nil {
					t.Errorf("%s: together: %v\n%s", d.Pos, err, apply(source, batch))
				}
			}
			return shown.String()
		})
	})
}

// check compiles a file that imports nothing, or package planted, with what mutants ask.
func check(source []byte) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", source, 0)
	if err != nil {
		return err
	}
	const asked = "package p; var mutantOn int; func mutantMin[T int](int, ...T) (t T) { return t }; func mutantMax[T int](int, ...T) (t T) { return t }"
	more, err := parser.ParseFile(set, "switch.go", asked, 0)
	if err != nil {
		return err
	}
	config := types.Config{Importer: plantedOnly{}}
	_, err = config.Check("p", set, []*ast.File{file, more}, nil)
	if e := new(types.Error); errors.As(err, e) {
		return errors.New(e.Msg)
	}
	return err
}

// plantedOnly imports a package planted with one bug.
type plantedOnly struct{}

func (plantedOnly) Import(path string) (*types.Package, error) {
	if path != "planted" {
		return nil, fmt.Errorf("there is no %s", path)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "planted.go", "package planted; type Bug int; const A Bug = 0; func On(Bug) bool { return false }", 0)
	if err != nil {
		return nil, err
	}
	return new(types.Config).Check(path, set, []*ast.File{file}, nil)
}

func TestFunctionNames(t *testing.T) {
	const source = `package p
func f() { f() }
func (t T) v() { f() }
func (t *T) p() { f() }
func (t *G[K, V]) g() { f() }
func (*S[E]) s() { f() }
var x = func() { f() }
`
	mutants, err := find("p.go", []byte(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range mutants {
		names = append(names, m.function)
	}
	if got := strings.Join(names, " "); got != "f T.v T.p G.g S.s var" {
		t.Error(got)
	}
}
