//go:build !unix

package cluster

import "errors"

// CanBreak says whether processes can be stopped and handed a listener here.
const CanBreak = false

var errNotHere = errors.New("bench: faults are not supported on this system")

func (p *Process) suspend() error { return errNotHere }
func (p *Process) resume() error  { return errNotHere }
func limitFiles(bool) error       { return errNotHere }
