package deps

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/seed-8247e700/dsm"

// violations checks one file, not a test, of the package in dir, and says what
// is wrong with it in sentences.
func violations(dir string, file *ast.File) []string {
	r, ok := policy[dir]
	if !ok {
		return []string{fmt.Sprintf("%s has no row in policy_test.go: decide what it may import", dir)}
	}
	var found []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			found = append(found, err.Error())
			continue
		}
		if !allowed(r, path) {
			found = append(found, fmt.Sprintf("%s must not import %s", dir, path))
		}
	}
	if r.std != whole {
		found = append(found, impurities(dir, file)...)
	}
	return append(found, wallClock(dir, file)...)
}

// wallClock finds what takes the time from the clock on the wall, which may be set:
// a difference of two such times is no duration. Those of time.Now have a monotonic
// reading beside it, which Sub, Since, Before and their like go by.
func wallClock(dir string, file *ast.File) []string {
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(wallMethods, method.Sel.Name) {
			return true
		}
		// time.Unix makes a time, and a method with arguments is another's, but for these.
		strips := len(call.Args) == 0 || method.Sel.Name == "AddDate"
		if name := method.Sel.Name; (name == "Round" || name == "Truncate") && len(call.Args) == 1 {
			zero, ok := call.Args[0].(*ast.BasicLit)
			strips = ok && zero.Value == "0"
		}
		if strips && wallReasons[dir+"."+method.Sel.Name] == "" {
			found = append(found, fmt.Sprintf("%s must not use %s, which is the clock on the wall: measure by time.Since or Sub", dir, method.Sel.Name))
		}
		return true
	})
	return found
}

// allowed reports whether the rule lets its package import path.
func allowed(r rule, path string) bool {
	if ours, ok := strings.CutPrefix(path, module+"/"); ok {
		return slices.Contains(r.ours, ours)
	}
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
		return slices.ContainsFunc(r.outside, func(allowed string) bool {
			return path == allowed || strings.HasPrefix(path, allowed+"/")
		})
	}
	switch r.std {
	case whole:
		return true
	case pureAtomic:
		return path == "time" || path == "sync/atomic" || slices.Contains(pureStd, path)
	case pureTimed:
		return path == "time" || slices.Contains(pureStd, path)
	default:
		return slices.Contains(pureStd, path)
	}
}

// impurities finds what no list of imports can: goroutines, channels, and calls
// that reach out of a package through an import it may have.
func impurities(dir string, file *ast.File) []string {
	var found []string
	names := importNames(file)
	ast.Inspect(file, func(n ast.Node) bool {
		what := ""
		switch n := n.(type) {
		case *ast.GoStmt:
			what = "start a goroutine"
		case *ast.ChanType:
			what = "use a channel"
		case *ast.SelectStmt:
			what = "select"
		case *ast.SendStmt:
			what = "send on a channel"
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				what = "receive from a channel"
			}
		case *ast.CallExpr:
			if ident, ok := n.Fun.(*ast.Ident); ok && (ident.Name == "print" || ident.Name == "println") {
				what = "print"
			}
		case *ast.SelectorExpr:
			if ident, ok := n.X.(*ast.Ident); ok && slices.Contains(impureFunctions[names[ident.Name]], n.Sel.Name) {
				what = "use " + ident.Name + "." + n.Sel.Name
			}
		}
		if what != "" {
			found = append(found, fmt.Sprintf("%s is pure and must not %s", dir, what))
		}
		return true
	})
	return found
}

// importNames maps the names under which a file knows its imports to their paths.
func importNames(file *ast.File) map[string]string {
	names := make(map[string]string)
	for _, spec := range file.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		name := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = path
	}
	return names
}

// plantedOnly reports whether a file is compiled only under the build tag
// "planted", so that no release has it.
func plantedOnly(file *ast.File) bool {
	for _, group := range file.Comments {
		for _, line := range group.List {
			if expr, err := constraint.Parse(line.Text); err == nil && group.Pos() < file.Package {
				return !expr.Eval(func(tag string) bool { return tag != "planted" })
			}
		}
	}
	return false
}
