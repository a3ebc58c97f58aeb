package outlive

import (
	"os"
	"time"
)

// EchoTime is how soon after a signal another one of its kind is the same one again.
const EchoTime = 250 * time.Millisecond

// WithoutEchoes passes signals on, without those that repeat the one before within
// EchoTime. A program that ends others, such as timeout of coreutils, may signal both
// a process and the group that it is in, and the process gets the signal twice: that
// does not mean that somebody is in a hurry.
func WithoutEchoes(signals <-chan os.Signal) <-chan os.Signal {
	passed := make(chan os.Signal, cap(signals))
	go func() {
		defer close(passed)
		var last os.Signal
		var at time.Time
		for sig := range signals {
			if now := time.Now(); sig != last || now.Sub(at) >= EchoTime {
				last, at = sig, now
				passed <- sig
			}
		}
	}()
	return passed
}
