// Command release is compiled by the tests of package planted, with and without
// the build tag, to see what becomes of a planted branch.
package main

import (
	"os"

	"github.com/seed-8247e700/dsm/internal/planted"
)

func main() {
	if planted.On(planted.WrongEnd) {
		mistake()
	}
}

// mistake must not be inlined, so that a branch left in leaves a symbol.
//
//go:noinline
func mistake() {
	_, err := os.Stdout.WriteString("this is the planted mistake\n")
	if err != nil {
		os.Exit(1)
	}
}
