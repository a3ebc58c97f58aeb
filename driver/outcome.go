package driver

// outcome is the result of the first of several calls. The others wait for it.
type outcome struct {
	known chan struct{} // closed once err is set
	err   error
}

func newOutcome() outcome { return outcome{known: make(chan struct{})} }

// is sets the outcome, once.
func (o *outcome) is(err error) {
	o.err = err
	close(o.known)
}

// wait waits for the outcome, and returns it.
func (o *outcome) wait() error {
	<-o.known
	return o.err
}
