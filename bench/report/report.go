package report

import (
	"fmt"
	"time"

	"github.com/seed-8247e700/dsm/bench/fault"
	"github.com/seed-8247e700/dsm/internal/check"
)

// Report is what a run found.
type Report struct {
	SetUp       string         `json:"set_up"`
	Seconds     float64        `json:"seconds"` // during which operations counted
	Operations  []Row          `json:"operations"`
	Histograms  []Histogram    `json:"histograms"`
	Checks      []check.Result `json:"checks"`
	Notes       []string       `json:"notes,omitempty"`
	Lost        []Loss         `json:"lost,omitempty"`   // nodes of the own group
	Faults      *FaultReport   `json:"faults,omitempty"` // what was done to it
	Costs       []Cost         `json:"costs,omitempty"`  // of each process of the own group, and of the clients
	Errors      int64          `json:"errors"`           // that clients saw, in the whole run
	Interrupted bool           `json:"interrupted"`
	Pass        bool           `json:"pass"`
	Failures    []string       `json:"failures,omitempty"` // why not
}

// Fail adds why the run has not passed.
func (r *Report) Fail(why string) {
	r.Failures, r.Pass = append(r.Failures, why), false
}

// Loss is the end of a node of the run's own group, which nobody asked for.
type Loss struct {
	Node    string  `json:"node"`
	Seconds float64 `json:"seconds"` // after the load began
	Why     string  `json:"why"`
}

// Name is the node, or the registry, for people.
func (l *Loss) Name() string {
	if l.Node == fault.Registry {
		return "the registry"
	}
	return "node " + l.Node
}

// Text is the loss in a line.
func (l *Loss) Text() string {
	return fmt.Sprintf("%s was lost, %s after the load began: %s",
		l.Name(), Duration(time.Duration(l.Seconds*float64(time.Second))), l.Why)
}
