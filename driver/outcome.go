package driver

// outcome is what the first of several calls has come to, for the others to wait
// for.
type outcome struct {
	known chan struct{} // closed once err is set
	err   error
}

func newOutcome() outcome { return outcome{known: make(chan struct{})} }

// is tells the outcome, once.
func (o *outcome) is(err error) {
	o.err = err
	close(o.known)
}

// wait waits for the outcome, and returns it.
func (o *outcome) wait() error {
	<-o.known
	return o.err
}
