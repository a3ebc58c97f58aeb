// Package deps has no code. Its tests hold the module's import rules: which
// package may import which, which parts of the standard library the pure ones
// may use, and what else they must not do.
//
// The rules are a table, policy_test.go. A package that has no row there fails
// the test: a new package is a decision, and so is a new dependency.
package deps
