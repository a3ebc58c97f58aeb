package main

import (
	"go/ast"
	"go/token"
	"strconv"
)

// condition adds the opposite of a condition that is neither a comparison nor made of
// others.
func (f *finder) condition(e ast.Expr) {
	if e == nil || mentionsPlanted(e) {
		return
	}
	shown := "!" + f.text(e)
	switch e := ast.Unparen(e).(type) {
	case *ast.BinaryExpr: // see binary
		return
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			shown = f.text(e.X)
		}
	}
	f.add(of(e), "("+on+" != ("+f.text(e)+"))", of(e), shown)
}

// binary adds the mutants of an operator, and reports whether to look at its operands.
func (f *finder) binary(n *ast.BinaryExpr) bool {
	if needsPlanted(n) {
		return false
	}
	switch n.Op {
	case token.LAND, token.LOR:
		if !f.inChain[n] {
			f.chain(n)
		}
	case token.LSS, token.LEQ, token.GTR, token.GEQ, token.EQL, token.NEQ:
		f.comparison(n)
	}
	return true
}

// chain adds the mutants of a && b && c, or of a || b || c: without one of the operands,
// and as if one operand decided.
func (f *finder) chain(n *ast.BinaryExpr) {
	neutral, decides := "true", "false"
	without, with := on+" || ", off+" && "
	if n.Op == token.LOR {
		neutral, decides = decides, neutral
		without, with = with, without
	}
	for _, operand := range f.operands(n, n.Op) {
		if !mentionsPlanted(operand) {
			f.add(of(operand), "("+without+"("+f.text(operand)+"))", of(operand), neutral)
		}
	}
	if n.Op != token.LAND || !f.needless[n] {
		f.add(of(n), "("+with+"("+f.text(n)+"))", of(n), decides)
	}
}

// operands returns those of a chain of equal operators, and notes what is part of it.
func (f *finder) operands(e ast.Expr, op token.Token) []ast.Expr {
	n, ok := ast.Unparen(e).(*ast.BinaryExpr)
	if !ok || n.Op != op {
		return []ast.Expr{e}
	}
	f.inChain[n] = true
	return append(f.operands(n.X, op), f.operands(n.Y, op)...)
}

// swaps are the operators that take the place of a comparison's.
var swaps = map[token.Token][]token.Token{
	token.EQL: {token.NEQ},
	token.NEQ: {token.EQL},
	token.LSS: {token.LEQ, token.GEQ},
	token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ},
	token.GEQ: {token.GTR, token.LSS},
}

// comparison adds the mutants of a comparison.
func (f *finder) comparison(n *ast.BinaryExpr) {
	op, x, y := n.Op.String(), f.text(n.X), f.text(n.Y)
	for _, other := range swaps[n.Op] {
		f.instead(n, x+" "+other.String()+" "+y, span{n.OpPos, n.OpPos + token.Pos(len(op))}, other.String())
	}
	// x < 8 and x >= 8 become x < 7 and x >= 7, the others 9: x <= 8, the neighbour of
	// x < 8, is x < 9 already.
	step := 1
	if n.Op == token.LSS || n.Op == token.GEQ {
		step = -1
	}
	if c := f.offByOne(n.Y, n.Op, step); c != "" {
		f.instead(n, x+" "+op+" "+c, of(n.Y), c)
	}
	if n.Op != token.EQL && n.Op != token.NEQ {
		step = -step
	}
	if c := f.offByOne(n.X, n.Op, step); c != "" {
		f.instead(n, c+" "+op+" "+y, of(n.X), c)
	}
}

// instead adds the mutant with another comparison.
func (f *finder) instead(n *ast.BinaryExpr, other string, visible span, shown string) {
	f.add(of(n), "("+on+" && ("+other+") || "+off+" && ("+f.text(n)+"))", visible, shown)
}

// offByOne returns another constant in the place of the operand of a comparison, or
// nothing. Constants with a name are often members of a list, which are not compared by
// order. What is compared with 0 may have no numbers below.
func (f *finder) offByOne(e ast.Expr, op token.Token, step int) string {
	switch e := ast.Unparen(e).(type) {
	case *ast.BasicLit:
		value, err := strconv.ParseInt(e.Value, 0, 32)
		if e.Kind == token.INT && err == nil && value+int64(step) >= 0 {
			return strconv.FormatInt(value+int64(step), 10)
		}
	case *ast.Ident:
		if f.constants[e.Name] && op != token.EQL && op != token.NEQ {
			return e.Name + map[int]string{-1: "-1", 1: "+1"}[step]
		}
	}
	return ""
}
