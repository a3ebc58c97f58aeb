package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// mutant is one change of one file.
type mutant struct {
	file          string // relative to the module, with slashes
	line, column  int    // from 1, as in coverage profiles
	function      string
	before, after string // the line, without what stands around it
	twin          int    // from 2: it looks like the one before in the same function

	number     int // of the target, from 1
	start, end int // of the bytes that are replaced
	text       string
	alone      bool // it cannot be switched off, so that no other can be tried with it
}

// key identifies the mutant in the file of acceptances.
func (m *mutant) key() string {
	return m.file + ": " + m.what()
}

// place is what is shown of it.
func (m *mutant) place() string {
	return fmt.Sprintf("%s:%d: %s", m.file, m.line, m.what())
}

func (m *mutant) what() string {
	text := fmt.Sprintf("%s: %s => %s", m.function, m.before, m.after)
	if m.twin > 1 {
		text += fmt.Sprintf(" [%d]", m.twin)
	}
	return text
}

// finder finds the mutants of a file.
type finder struct {
	name      string
	source    []byte
	set       *token.FileSet
	file      *ast.File
	constants map[string]bool // of the package
	function  string
	left      map[ast.Node]bool // stay as they are
	header    map[ast.Stmt]bool // of if, for, switch or case: no statement may stand before it
	needless  map[ast.Expr]bool // to make them false is to leave out what they guard
	inChain   map[ast.Expr]bool // parts of a chain of && or ||
	found     []mutant
	twins     map[string]int
}

// find returns the mutants of a file in the order of its lines. constants are the names of
// the constants of its package.
func find(name string, source []byte, constants map[string]bool) ([]mutant, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &finder{
		name: name, source: source, set: set, file: file, constants: constants,
		left: make(map[ast.Node]bool), header: make(map[ast.Stmt]bool), needless: make(map[ast.Expr]bool), inChain: make(map[ast.Expr]bool),
		twins: make(map[string]int),
	}
	for _, decl := range file.Decls {
		f.function = "var"
		if fn, ok := decl.(*ast.FuncDecl); ok {
			f.function = functionName(fn)
		}
		ast.Inspect(decl, f.visit)
	}
	return f.found, nil
}

// constantsOf adds the names of the constants that a file declares outside of functions.
func constantsOf(source []byte, names map[string]bool) error {
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			continue
		}
		for _, spec := range d.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				names[name.Name] = true
			}
		}
	}
	return nil
}

// functionName returns Type.Method or Function.
func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	receiver := fn.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.Name + "." + fn.Name.Name
		default:
			return fn.Name.Name
		}
	}
}

func (f *finder) offset(pos token.Pos) int { return f.set.Position(pos).Offset }

// text returns the source of a node.
func (f *finder) text(n ast.Node) string {
	return string(f.source[f.offset(n.Pos()):f.offset(n.End())])
}

// span is a part of the source.
type span struct{ from, to token.Pos }

func of(n ast.Node) span { return span{n.Pos(), n.End()} }

// add adds the mutant that has text in the place of a part of the source, with the mark
// for its number. It is shown as if another part were replaced by what is shown.
func (f *finder) add(part span, text string, visible span, shown string) *mutant {
	m := mutant{
		file: f.name, line: f.set.Position(visible.from).Line, column: f.set.Position(visible.from).Column,
		function: f.function, start: f.offset(part.from), end: f.offset(part.to), text: text,
	}
	m.before, m.after = f.lines(f.offset(visible.from), f.offset(visible.to), shown)
	f.twins[m.key()]++
	m.twin = f.twins[m.key()]
	f.found = append(f.found, m)
	return &f.found[len(f.found)-1]
}

// lines returns the line in which a change begins, and how it looks afterwards.
func (f *finder) lines(start, end int, shown string) (before, after string) {
	first := bytes.LastIndexByte(f.source[:start], '\n') + 1
	last := f.codeEnd(start)
	rest := ""
	if end < last {
		rest = string(f.source[end:last])
	}
	if line, _, long := strings.Cut(shown, "\n"); long {
		shown = line + " ..."
	}
	before = strings.TrimSpace(string(f.source[first:last]))
	if after = strings.TrimSpace(string(f.source[first:start]) + shown + rest); after == "" {
		after = "(nothing)"
	}
	return before, after
}

// codeEnd returns where the code of the line ends that the byte at start is in: before a
// comment, if it has one.
func (f *finder) codeEnd(start int) int {
	end := len(f.source)
	if i := bytes.IndexByte(f.source[start:], '\n'); i >= 0 {
		end = start + i
	}
	for _, group := range f.file.Comments {
		if at := f.offset(group.Pos()); at > start && at < end {
			end = at
		}
	}
	return end
}
