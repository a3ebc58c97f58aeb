package point

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/seed-8247e700/dsm/bench/load"
)

// Kind says what clients do.
type Kind string

// What clients do.
const (
	Writes      Kind = "writes"
	Reads       Kind = "reads"
	Mixed       Kind = "mixed" // each operation is a write or a read with equal chance
	AsyncWrites Kind = "async" // each client has up to asyncWindow writes in flight
	// ReadsBeside has the clients read what the client itself can answer, without
	// a clock reading for each, while others write besideRate values a second.
	ReadsBeside Kind = "reads beside writes"
	// Swaps has each client read two variables of its own and then write both in one
	// transaction, on condition that neither has changed. Each read must show what the
	// client's last transaction on the variable wrote.
	Swaps Kind = "swaps"
	// FanOut has each client write a variable of its own, and wait until every watcher was
	// sent that write. Each watcher must be sent every write once, all in the same order.
	FanOut Kind = "fan-out"
)

const (
	// asyncWindow is how many writes one client of AsyncWrites has in flight.
	asyncWindow = 64

	// besideRate is how many values a second are written while clients read.
	besideRate = 1000

	// besideWriters is how many of these may be in flight at once: readers that
	// never wait keep the Go scheduler from looking at the network for up to 10 ms
	// at a time, and a write takes several such looks.
	besideWriters = 256

	// keyBytes is the size of a key, and keyPrefix how it begins.
	keyBytes  = 16
	keyPrefix = "key-"
)

// Work is one point to measure.
type Work struct {
	Kind       Kind
	Clients    int
	Keys       []string // chosen uniformly
	ValueBytes int
	Watchers   int           // of all keys; for FanOut
	Rate       float64       // operations a second by schedule; 0: closed loop
	Warmup     time.Duration // before what counts
	Duration   time.Duration // that counts
	Seed       uint64
}

func (w *Work) validate() error {
	switch {
	case w.Clients < 1 || w.Clients > load.MaxClients:
		return fmt.Errorf("point: %d clients: must be from 1 to %d", w.Clients, load.MaxClients)
	case len(w.Keys) == 0:
		return errors.New("point: no keys")
	case w.ValueBytes < load.MinValueBytes:
		return fmt.Errorf("point: values of %d bytes: must have %d or more", w.ValueBytes, load.MinValueBytes)
	case w.Duration <= 0 || w.Warmup < 0:
		return fmt.Errorf("point: %v after %v of warm-up: must be above 0", w.Duration, w.Warmup)
	case (w.Watchers > 0) != (w.Kind == FanOut) || w.Watchers < 0:
		return fmt.Errorf("point: %s with %d watchers: a fan-out has some, and nothing else has", w.Kind, w.Watchers)
	case len(w.Keys) < w.Clients*w.ownKeys():
		return fmt.Errorf("point: %s by %d clients on %d keys: each must have %d of its own", w.Kind, w.Clients, len(w.Keys), w.ownKeys())
	case w.Rate < 0 || w.Rate > 0 && w.Kind != Writes:
		return fmt.Errorf("point: %s at %g a second: only writes follow a schedule", w.Kind, w.Rate)
	}
	return nil
}

// ownKeys is how many keys each client must have to itself.
func (w *Work) ownKeys() int {
	switch w.Kind {
	case Swaps:
		return 2
	case FanOut:
		return 1
	default:
		return 0
	}
}

// own returns the keys that a client has to itself, if each has some.
func (w *Work) own(client int) []string {
	var own []string
	for i := client; i < len(w.Keys); i += w.Clients {
		own = append(own, w.Keys[i])
	}
	return own
}

// Keys returns n keys of 16 bytes, which any of the systems takes.
func Keys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(keyPrefix+"%0"+strconv.Itoa(keyBytes-len(keyPrefix))+"d", i)
	}
	return keys
}

// Result is what a point has shown.
type Result struct {
	PerSecond float64       `json:"per_second"` // operations that ended in the time that counts
	Count     int64         `json:"count"`      // of the latencies
	Mean      time.Duration `json:"mean_ns"`
	P50       time.Duration `json:"p50_ns"`
	P90       time.Duration `json:"p90_ns"`
	P99       time.Duration `json:"p99_ns"`
	Max       time.Duration `json:"max_ns"`

	// Late is the p99 of how much later than due an operation of a schedule was
	// handed to the clients, which is the load generator's own part of a latency.
	Late time.Duration `json:"late_p99_ns,omitempty"`
	// GivenUp is how many operations of a schedule were due in the time that counts
	// and were not begun within a second of its end. The latencies are then bounds
	// from below, since each of these counts as if it had ended when it was given up.
	GivenUp int64 `json:"given_up,omitempty"`
	// BesidePerSecond is how many values were written while clients read.
	BesidePerSecond float64 `json:"beside_per_second,omitempty"`
}
