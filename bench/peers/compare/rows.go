package compare

import "github.com/seed-8247e700/dsm/bench/peers/load"

// Metric is which figure of a result a row is about.
type Metric string

// Metrics. Of a rate more is better, of a latency less.
const (
	Rate      Metric = "ops/s"
	Bandwidth Metric = "MB/s" // of values
	P50       Metric = "p50"
	P99       Metric = "p99"
)

// less reports whether less of it is better.
func (m Metric) less() bool { return m == P50 || m == P99 }

// of takes the figure from a result: operations or 10^6 bytes a second, or seconds.
func (m Metric) of(r load.Result, valueBytes int) float64 {
	switch m {
	case P50:
		return r.P50.Seconds()
	case P99:
		return r.P99.Seconds()
	case Bandwidth:
		return r.PerSecond * float64(valueBytes) / 1e6
	default:
		return r.PerSecond
	}
}

// Row is a load and what is asked of it.
type Row struct {
	Name   string
	Text   string
	Ours   string // the system that is compared with the others; empty: the row has none
	Metric Metric
	Kind   load.Kind
	Client int // goroutines that load
	Value  int // bytes of a value
	Keys   int
	Half   bool     // open loop, at half of what the system does in Needs
	Needs  string   // row that must be measured before
	Also   []string // systems that are measured although no aim names them
	Aims   []Aim
}

// Aim is what is asked of ours beside one system, or the best of several.
type Aim struct {
	Text    string
	Systems []string
	Row     string  // where they are measured; empty: in the same row
	Times   float64 // the figure counts so many times; 0: once
	Ratio   float64 // of ours to it, at least, or at most where less is better; 0: it is only shown
}
