package main

import (
	"go/ast"
	"go/token"
	"strings"
)

// removable reports whether a statement may be left out.
func removable(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return s.Tok != token.DEFINE
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return true // a receive
		}
		fn, ok := call.Fun.(*ast.Ident)
		return !ok || fn.Name != "panic"
	case *ast.BranchStmt:
		return s.Tok == token.BREAK || s.Tok == token.CONTINUE
	case *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
		return true
	default:
		return false
	}
}

// without adds the mutant without a statement.
func (f *finder) without(s ast.Stmt) {
	f.add(of(s), "if "+off+" { "+f.text(s)+" }", of(s), "")
}

// assign adds the mutants without an assignment, one for each variable.
func (f *finder) assign(n *ast.AssignStmt) {
	if !removable(n) {
		return
	}
	if !f.header[n] && len(n.Lhs) == 1 && !hasCall(n.Rhs[0]) {
		f.without(n)
		return
	}
	for i := range n.Lhs {
		if name, ok := n.Lhs[i].(*ast.Ident); ok && name.Name == "_" {
			continue
		}
		text := f.blank(n, i)
		if f.header[n] {
			f.add(of(n), text, of(n), text).alone = true
		} else {
			f.add(of(n), "if "+on+" { "+text+" } else { "+f.text(n)+" }", of(n), text)
		}
	}
}

// blank returns an assignment with _ in the place of one variable.
func (f *finder) blank(n *ast.AssignStmt, i int) string {
	var left, right []string
	for j, e := range n.Lhs {
		left = append(left, f.text(e))
		if j == i {
			left[j] = "_"
		}
	}
	for j, e := range n.Rhs {
		right = append(right, f.text(e))
		if name, ok := e.(*ast.Ident); ok && name.Name == "nil" && j == i {
			right[j] = "any(nil)"
		}
	}
	return strings.Join(left, ", ") + " = " + strings.Join(right, ", ")
}

// hasCall reports whether something happens when an expression is evaluated: a call, or a
// receive. Function literals are not called by that.
func hasCall(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			found = true
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW
		}
		return true
	})
	return found
}
