package nbio

// Drain waits until the connection has taken everything that was flushed, or
// has failed, and returns the first error. Only the owner may call it.
func (w *Writer) Drain() error {
	w.drainers.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
