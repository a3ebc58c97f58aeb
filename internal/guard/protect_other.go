//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package guard

// protect cannot protect memory here.
func protect([]byte) (protected []byte, ok bool) { return nil, false }
