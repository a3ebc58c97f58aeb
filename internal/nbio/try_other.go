//go:build !unix

package nbio

import "errors"

// canTry is false: there is no write here that is known not to wait, so that
// every byte goes through Write in a goroutine.
const canTry = false

// tryWriteFD is never called here, since canTry is false.
func tryWriteFD(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }
