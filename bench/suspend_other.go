//go:build !unix

package bench

import "errors"

// canBreak says whether processes can be stopped and handed a listener here.
const canBreak = false

var errNotHere = errors.New("bench: there are no faults on this system")

func (p *process) suspend() error { return errNotHere }
func (p *process) resume() error  { return errNotHere }
func limitFiles(bool) error       { return errNotHere }
