//go:build !race || !unix

package main

import "testing"

// scriptDir returns no directory: the dsm of scripts is that of the other tests.
func scriptDir(*testing.T) string { return "" }
