//go:build !linux && !darwin

package server

// machine returns the ids of the machine and of its kernel's run: none that is known here.
func machine() (host, boot string) { return "", "" }
