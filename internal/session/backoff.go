package session

import "time"

const (
	firstBackoff = 5 * time.Millisecond
	lastBackoff  = time.Second
)

// Backoff returns how long to wait after the nth failure in a row, from 1: about
// twice as long each time, up to a bound, and never the same for all clients, so
// that they do not come back all at once. random is from [0, 1): with it the
// time is from half to one and a half of 5 ms, 10 ms, and so on up to 1 s.
func Backoff(n int, random float64) time.Duration {
	d := min(firstBackoff<<min(max(n-1, 0), 20), lastBackoff)
	return d/2 + time.Duration(random*float64(d))
}
