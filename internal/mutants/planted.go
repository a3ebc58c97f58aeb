package main

import (
	"go/ast"
	"go/token"
)

// isPlanted reports whether an expression asks whether a planted bug is switched on.
// Without the build tag none is.
func isPlanted(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || fn.Sel.Name != "On" {
		return false
	}
	pkg, ok := fn.X.(*ast.Ident)
	return ok && pkg.Name == "planted"
}

// mentionsPlanted reports whether a condition asks for a planted bug.
func mentionsPlanted(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && isPlanted(e) {
			found = true
		}
		return !found
	})
	return found
}

// needsPlanted reports whether a condition is false without planted bugs.
func needsPlanted(e ast.Expr) bool {
	n, ok := ast.Unparen(e).(*ast.BinaryExpr)
	if !ok {
		return isPlanted(e)
	}
	switch n.Op {
	case token.LAND:
		return needsPlanted(n.X) || needsPlanted(n.Y)
	case token.LOR:
		return needsPlanted(n.X) && needsPlanted(n.Y)
	default:
		return false
	}
}
