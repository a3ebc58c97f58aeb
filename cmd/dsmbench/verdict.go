package main

import "io"

// report is what a run has found.
type report interface {
	WriteText(w io.Writer) error
	Pass() bool
}

// show writes a report, and tells by its error that it is none to be proud of.
func show(r report, stdout io.Writer) error {
	if err := r.WriteText(stdout); err != nil {
		return err
	}
	if !r.Pass() {
		return errFailed
	}
	return nil
}
