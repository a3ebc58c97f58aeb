package main

import "io"

// shown is what a run has found.
type shown interface {
	WriteText(w io.Writer) error
	Pass() bool
}

// show writes a report, and tells by its error that it is none to be proud of.
func show(r shown, stdout io.Writer) error {
	if err := r.WriteText(stdout); err != nil {
		return err
	}
	if !r.Pass() {
		return errFailed
	}
	return nil
}
