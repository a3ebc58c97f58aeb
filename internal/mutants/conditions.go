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
	switch e := ast.Unparen(e).(type) {
	case *ast.BinaryExpr: // see binary
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			f.replace(e, "("+f.text(e.X)+")", f.text(e.X))
		} else {
			f.replace(e, "!"+f.text(e), "!"+f.text(e))
		}
	default:
		f.replace(e, "!"+f.text(e), "!"+f.text(e))
	}
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
	without, with := "(true || (", "(false && ("
	if n.Op == token.LOR {
		neutral, decides = decides, neutral
		without, with = with, without
	}
	for _, operand := range f.operands(n, n.Op) {
		if !mentionsPlanted(operand) {
			f.replace(operand, without+f.text(operand)+"))", neutral)
		}
	}
	if n.Op != token.LAND || !f.needless[n] {
		f.replace(n, with+f.text(n)+"))", decides)
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
	for _, op := range swaps[n.Op] {
		f.add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), op.String(), op.String())
	}
	// x < 8 and x >= 8 become x < 7 and x >= 7, the others 9: x <= 8, the neighbour of
	// x < 8, is x < 9 already.
	step := 1
	if n.Op == token.LSS || n.Op == token.GEQ {
		step = -1
	}
	f.offByOne(n.Y, n.Op, step)
	if n.Op != token.EQL && n.Op != token.NEQ {
		step = -step
	}
	f.offByOne(n.X, n.Op, step)
}

// offByOne adds the mutant with another constant as the operand of a comparison. Constants
// with a name are often members of a list, which are not compared by order.
func (f *finder) offByOne(e ast.Expr, op token.Token, step int) {
	switch e := ast.Unparen(e).(type) {
	case *ast.BasicLit:
		value, err := strconv.ParseInt(e.Value, 0, 32)
		if e.Kind != token.INT || err != nil {
			return
		}
		text := strconv.FormatInt(value+int64(step), 10)
		f.replace(e, text, text)
	case *ast.Ident:
		if !f.constants[e.Name] || op == token.EQL || op == token.NEQ {
			return
		}
		text := e.Name + map[int]string{-1: "-1", 1: "+1"}[step]
		f.replace(e, "("+text+")", text)
	}
}
