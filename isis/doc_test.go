package isis_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-8247e700/dsm/isis"
)

// TestLoop holds that the loop in the package's comment is the one that ships: it does
// what a core has ready in the order of internal/member and isistest, and calls each
// method by which internal/member changes a core.
func TestLoop(t *testing.T) {
	doc := docLoop(t)
	member := sources(t, "../internal/member")
	want := fieldsOf("ready", doc)
	if len(want) != 4 {
		t.Errorf("the page's loop uses %v of Ready", want)
	}
	for name, got := range map[string][]string{
		"internal/member": fieldsOf("ready", method(t, member, "advance")),
		"isistest":        fieldsOf("ready", method(t, sources(t, "isistest"), "Turn")),
	} {
		if !slices.Equal(got, want) {
			t.Errorf("%s takes %v, the page %v", name, got, want)
		}
	}

	// The methods by which internal/member only looks at a core, or leaves.
	looks := []string{
		"Begins", "CutAcknowledged", "DeliverSafely", "Fetched", "HeldBack", "Idle", "Pending", "Phase", "Rank", "Unanswered", "UnderWay",
	}
	calls := slices.Sorted(slices.Values(fieldsOf("node", doc)))
	var ships []string
	for _, file := range member {
		ships = append(ships, fieldsOf("core", file)...)
	}
	slices.Sort(ships)
	ships = slices.DeleteFunc(slices.Compact(ships), func(name string) bool { return slices.Contains(looks, name) })
	if !slices.Equal(ships, calls) {
		t.Errorf("internal/member calls %v, the page %v", ships, calls)
	}

	turn := method(t, member, "Turn")
	steps := slices.DeleteFunc(fieldsOf("m", turn), func(name string) bool { return !slices.Contains([]string{"core", "order", "advance"}, name) })
	if want := []string{"core", "order", "advance"}; !slices.Equal(steps, want) || !slices.Equal(fieldsOf("core", turn), []string{"Step"}) {
		t.Errorf("a turn of internal/member steps, submits and advances in the order %v", steps)
	}
}

// TestDocNamesMessages holds that the package's comment says what each message is for.
func TestDocNamesMessages(t *testing.T) {
	doc := sources(t, ".")["doc.go"].Doc.Text()
	for kind := isis.KindPropose; kind <= isis.KindSupply; kind++ {
		if !strings.Contains(doc, kind.String()) {
			t.Errorf("no word of %s", kind)
		}
	}
}

// docLoop parses the loop in the package's comment.
func docLoop(t *testing.T) *ast.File {
	t.Helper()
	_, rest, found := strings.Cut(sources(t, ".")["doc.go"].Doc.Text(), "# The loop")
	if !found {
		t.Fatal("no loop")
	}
	var code strings.Builder
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "\t") {
			code.WriteString(line)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "loop.go", "package p\nfunc loop() error {\n"+code.String()+"}\n", 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// sources parses the files of a package, without tests.
func sources(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	files := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = file
	}
	return files
}

// method returns the method of a name that only one type has.
func method(t *testing.T, files map[string]*ast.File, name string) ast.Node {
	t.Helper()
	for _, file := range files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == name {
				return f
			}
		}
	}
	t.Fatalf("no method %s", name)
	return nil
}

// fieldsOf returns the fields and methods of a variable, or of a field of that name, that
// code uses, in the order of their first use.
func fieldsOf(name string, code ast.Node) []string {
	var used []string
	ast.Inspect(code, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		is := false
		switch x := sel.X.(type) {
		case *ast.Ident:
			is = x.Name == name
		case *ast.SelectorExpr:
			is = x.Sel.Name == name
		}
		if is && !slices.Contains(used, sel.Sel.Name) {
			used = append(used, sel.Sel.Name)
		}
		return true
	})
	return used
}
