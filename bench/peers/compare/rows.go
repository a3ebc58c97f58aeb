package compare

import (
	"slices"

	"github.com/seed-8247e700/dsm/bench/peers/point"
)

// Metric is which figure of a result a row is about.
type Metric string

// Metrics. Of a rate more is better, of a latency less.
const (
	Rate      Metric = "per second"
	Bandwidth Metric = "MB/s"              // of values
	Events    Metric = "events per second" // sent to watchers
	P50       Metric = "p50"
	P99       Metric = "p99"
)

// less reports whether less of it is better.
func (m Metric) less() bool { return m == P50 || m == P99 }

// of takes the figure of a row from a result: operations, events or 10^6 bytes a second, or
// seconds.
func (m Metric) of(r point.Result, row *Row) float64 {
	switch m {
	case P50:
		return r.P50.Seconds()
	case P99:
		return r.P99.Seconds()
	case Bandwidth:
		return r.PerSecond * float64(row.Value) / 1e6
	case Events:
		return r.PerSecond * float64(row.Watchers)
	default:
		return r.PerSecond
	}
}

// Group is a table of its own.
type Group string

// Groups.
const (
	Network  Group = "Over the network, as fast as they can"
	Offered  Group = "At the same offered load"
	Embedded Group = "Within the application's process"
	NoGroup  Group = "" // rows of limits, which only aims are about
)

// Row is a load, and who is put under it.
type Row struct {
	Name     string
	Text     string
	Group    Group
	Ours     string   // the system that is compared with the others; empty: none
	Beside   []string // the others
	Metrics  []Metric
	Kind     point.Kind
	Client   int     // goroutines that load
	Watchers int     // of all keys
	Rate     float64 // writes a second by a schedule; 0: as many as the clients can
	Value    int     // bytes of a value
	Keys     int
}

// rowNamed finds a row.
func rowNamed(name string) (Row, bool) {
	rows := Rows()
	if i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name }); i >= 0 {
		return rows[i], true
	}
	return Row{}, false
}
