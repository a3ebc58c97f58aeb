package workload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-8247e700/dsm/bench/load"
	"github.com/seed-8247e700/dsm/bench/program"
)

// Row is one workload.
type Row struct {
	Name  string
	Does  string // what clients do, for the help
	Keeps string // what must hold beside the ordering checks, for the help; empty: nothing

	// Takes has the flags, of Flags, that the workload is shaped by. All others are refused.
	Takes []string

	// Defaults sets what differs from the defaults of Mixed. Writes is about the share of the
	// operations that write.
	Defaults func(w *load.Workload)
	Watchers int // by default

	// Validate reports what no run of the workload can be. nil: there is nothing more.
	Validate func(w *load.Workload) error

	Transactions bool // it has them
	Ranges       bool // it scans or counts

	// Start names the variables of a run, and makes the invariant that it must keep.
	Start func(w *load.Workload, prefix string) (*load.Keyspace, Invariant)
}

// Flags are the flags that shape a load.
var Flags = []string{"writes", "strong", "adds", "cas", "dels", "keys", "value-size", "dist", "async"}

// Mixed is the workload of runs that name none.
const Mixed = "mixed"

// Table has all workloads.
var Table = []Row{
	{
		Name: Mixed, Takes: Flags, Defaults: func(*load.Workload) {}, Start: startMixed,
		Does: "reads and writes of one variable each, in the shares that the flags say",
	},
	{
		Name: "watch", Takes: Flags, Defaults: func(w *load.Workload) { w.Writes = 1 }, Watchers: 100, Start: startMixed,
		Does: "writes alone, and 100 watchers, unless --writes and --watchers say otherwise",
	},
	{
		Name: "bank", Takes: []string{"keys"}, Defaults: bankDefaults, Validate: validateBank, Start: startBank,
		Transactions: true, Ranges: true,
		Does:  "transfers between two of 1,000 accounts, each a transaction; 5% scan or count all accounts",
		Keeps: "every scan shows the same sum, no account is overdrawn, and all nodes have that sum at the end",
	},
}

// startMixed names the variables of a run without an invariant of its own.
func startMixed(w *load.Workload, prefix string) (*load.Keyspace, Invariant) {
	return load.NewKeyspace(w, prefix), nil
}

// Find returns a workload by its name; that of "" is Mixed. The error wraps ErrConfig.
func Find(name string) (*Row, error) {
	if name == "" {
		name = Mixed
	}
	for i := range Table {
		if Table[i].Name == name {
			return &Table[i], nil
		}
	}
	return nil, program.BadFlag("workload", name, "must be "+Names(" or "))
}

// Names lists the names of all workloads, with a word before the last.
func Names(last string) string {
	var names []string
	for i := range Table {
		names = append(names, Table[i].Name)
	}
	n := len(names) - 1
	return strings.Join(names[:n], ", ") + last + names[n]
}

// Check reports whether a load makes sense for the workload. The error wraps ErrConfig.
func (r *Row) Check(w *load.Workload, async int) error {
	if async > 0 && !r.takes("async") {
		return r.refuses("async")
	}
	if r.Validate == nil {
		return nil
	}
	return r.Validate(w)
}

func (r *Row) takes(flag string) bool { return slices.Contains(r.Takes, flag) }

// Refuses returns an error if a flag is one of Flags that has no place in the workload. It
// wraps ErrConfig.
func (r *Row) Refuses(flag string) error {
	if !slices.Contains(Flags, flag) || r.takes(flag) {
		return nil
	}
	return r.refuses(flag)
}

func (r *Row) refuses(flag string) error {
	return fmt.Errorf("%w: --%s has no place in --workload %s, which decides that itself: leave it out, or use --workload %s",
		program.ErrConfig, flag, r.Name, Mixed)
}

// Apply sets the defaults of the workload, but for the flags that were given.
func (r *Row) Apply(w *load.Workload, given func(flag string) bool) {
	own := *w
	r.Defaults(&own)
	for _, field := range []struct {
		flag string
		copy func()
	}{
		{"writes", func() { w.Writes = own.Writes }},
		{"strong", func() { w.Strong = own.Strong }},
		{"adds", func() { w.Adds = own.Adds }},
		{"cas", func() { w.CAS = own.CAS }},
		{"dels", func() { w.Dels = own.Dels }},
		{"keys", func() { w.Keys = own.Keys }},
		{"value-size", func() { w.ValueBytes = own.ValueBytes }},
		{"dist", func() { w.Dist = own.Dist }},
	} {
		if !given(field.flag) {
			field.copy()
		}
	}
}
