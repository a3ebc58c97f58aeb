package main

import (
	"go/ast"
	"go/token"
)

// visit adds the mutants of a node, and reports whether to look at what is in it.
func (f *finder) visit(n ast.Node) bool {
	if n == nil || f.left[n] {
		return false
	}
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok != token.CONST && n.Tok != token.TYPE
	case *ast.IfStmt:
		f.ifStmt(n)
	case *ast.ForStmt:
		f.left[n.Post] = true
		f.inHeader(n.Init)
		f.condition(n.Cond)
	case *ast.SwitchStmt:
		f.inHeader(n.Init)
		f.switchStmt(n)
	case *ast.TypeSwitchStmt:
		f.inHeader(n.Init)
		f.left[n.Assign] = true
	case *ast.CommClause:
		f.inHeader(n.Comm)
		f.clause(n.Body)
	case *ast.CaseClause:
		f.clause(n.Body)
	case *ast.BinaryExpr:
		return f.binary(n)
	case *ast.CallExpr:
		return f.call(n)
	case *ast.AssignStmt:
		f.assign(n)
	case *ast.IncDecStmt, *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt, *ast.BranchStmt:
		if removable(n.(ast.Stmt)) && !f.header[n.(ast.Stmt)] {
			f.without(n.(ast.Stmt))
		}
	case *ast.ReturnStmt:
		for _, result := range n.Results {
			f.result(result)
		}
	}
	return true
}

// inHeader notes that a statement is part of another one.
func (f *finder) inHeader(s ast.Stmt) {
	if s != nil {
		f.header[s] = true
	}
}

// ifStmt adds what can be changed of the condition as a whole, and of the body.
func (f *finder) ifStmt(n *ast.IfStmt) {
	f.inHeader(n.Init)
	if needsPlanted(n.Cond) {
		f.left[n.Cond], f.left[n.Body] = true, true
		return
	}
	f.condition(n.Cond)
	body := n.Body.List
	if n.Else != nil || len(body) == 0 {
		return
	}
	returns := endsInReturn(body)
	if returns {
		f.add(of(n.Cond), "(("+f.text(n.Cond)+") && "+off+")", of(n.Body), "{}")
	}
	if returns || len(body) == 1 && removable(body[0]) {
		f.needless[n.Cond] = true
	}
}

// clause adds the mutant without the body of a case, if it ends in a return.
func (f *finder) clause(body []ast.Stmt) {
	if !endsInReturn(body) {
		return
	}
	whole := span{body[0].Pos(), body[len(body)-1].End()}
	f.add(whole, "if "+off+" { "+string(f.source[f.offset(whole.from):f.offset(whole.to)])+" }", whole, "(no body)")
}

func endsInReturn(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	_, ok := body[len(body)-1].(*ast.ReturnStmt)
	return ok
}

// switchStmt adds what can be changed of the conditions of a switch without a value.
func (f *finder) switchStmt(n *ast.SwitchStmt) {
	if n.Tag != nil {
		return
	}
	for _, s := range n.Body.List {
		clause := s.(*ast.CaseClause)
		planted := 0
		for _, cond := range clause.List {
			if needsPlanted(cond) {
				f.left[cond] = true
				planted++
				continue
			}
			f.condition(cond)
		}
		f.left[clause] = planted > 0 && planted == len(clause.List)
	}
}

// call adds the change of min and max, and reports whether to look into a call.
func (f *finder) call(n *ast.CallExpr) bool {
	fn, ok := n.Fun.(*ast.Ident)
	if !ok {
		return true
	}
	switch fn.Name {
	case "panic":
		return false
	case "min":
		f.add(span{fn.Pos(), n.Lparen + 1}, "mutantMin("+mark+", ", of(fn), "max")
	case "max":
		f.add(span{fn.Pos(), n.Lparen + 1}, "mutantMax("+mark+", ", of(fn), "min")
	}
	return true
}

// result adds the opposite of a boolean that is returned. Comparisons are changed as such.
func (f *finder) result(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Ident:
		switch e.Name {
		case "true":
			f.add(of(e), off, of(e), "false")
		case "false":
			f.add(of(e), on, of(e), "true")
		}
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			f.condition(e)
		}
	}
}
