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
	Clients  int // by default; 0: as many as of Mixed

	// Validate reports what no run of the workload can be. nil: there is nothing more.
	Validate func(w *load.Workload) error

	Transactions bool // it has them
	Ranges       bool // it scans or counts

	// Start names the variables of a run, and makes the invariant that it must keep.
	Start func(w *load.Workload, prefix string) (*load.Keyspace, Invariant)
}

// Flags are the flags that shape a load.
var Flags = append(slices.Clone(mixedFlags), "ttl", "at-once", "quota-bytes", "quota-variables")

// mixedFlags are those of the workload Mixed.
var mixedFlags = []string{"writes", "strong", "adds", "cas", "dels", "keys", "value-size", "dist", "async", "quota-bytes", "quota-variables"}

// Mixed is the workload of runs that name none.
const Mixed = "mixed"

// Table has all workloads.
var Table = []Row{
	{
		Name: Mixed, Takes: mixedFlags, Defaults: func(*load.Workload) {}, Start: startMixed,
		Does: "reads and writes of one variable each, in the shares that the flags say",
	},
	{
		Name: "watch", Takes: mixedFlags, Defaults: func(w *load.Workload) { w.Writes = 1 }, Watchers: 100, Start: startMixed,
		Does: "writes alone, and 100 watchers, unless --writes and --watchers say otherwise",
	},
	{
		Name: "bank", Takes: []string{"keys"}, Defaults: bankDefaults, Validate: validateBank, Start: startBank,
		Transactions: true, Ranges: true,
		Does:  "transfers between two of 1,000 accounts, each a transaction; 5% scan or count all accounts",
		Keeps: "every scan shows the same sum, no account is overdrawn, and all nodes have that sum at the end",
	},
	{
		Name: "counter", Takes: []string{"keys", "async"}, Defaults: counterDefaults, Validate: validateCounter, Start: startCounter,
		Does:  "increments of 10 counters by all clients, and 10% reads",
		Keeps: "no two increments of a counter are told the same sum, and at the end each that took effect counts once",
	},
	{
		Name: "rmw", Takes: []string{"keys"}, Defaults: rmwDefaults, Validate: validateRMW, Start: startRMW, Transactions: true,
		Does:  "each of 100 variables is read, and written if it has not changed, by compare-and-set or a transaction",
		Keeps: "each value is a hash of the one before it in the order, so that no update is lost",
	},
	{
		Name: "scan", Takes: []string{"keys"}, Defaults: groupDefaults, Validate: validateGroups, Start: startGroups, Transactions: true, Ranges: true,
		Does:  "100 groups of 10 variables are written or deleted, each in one transaction; scans forward, backward and limited, and counts",
		Keeps: "nobody sees two values in a group, or a part of it",
	},
	{
		Name: "fill", Takes: []string{"keys", "value-size", "quota-bytes", "quota-variables"}, Defaults: fillDefaults, Validate: validateFill, Start: startFill,
		Ranges: true, // at the end, of each node
		Does:   "1,000 variables are set, of which half fit a quota; a client deletes a few when it is refused a write, and goes on",
		Keeps:  "the variables never exceed the quota, no write is refused that would fit, and writes go on after refusals",
	},
	{
		Name: "ttl", Takes: []string{"keys", "value-size", "ttl", "at-once"}, Defaults: ttlDefaults, Validate: validateTTL, Start: startTTL, Clients: 16,
		Transactions: true, Ranges: true, // at the end, of each node
		Does:  "variables are set with a --ttl when they do not exist; with --at-once, all that there are expire together, under a load of writes of others",
		Keeps: "no variable expires early, and each that was set expires once; how late they were is reported",
	},
	ycsb("a", ycsbA, "50% reads, 50% updates"),
	ycsb("b", ycsbB, "95% reads, 5% updates"),
	ycsb("c", ycsbC, "reads alone"),
	ycsb("d", ycsbD, "95% reads of what was inserted last, 5% inserts"),
	ycsb("e", ycsbE, "95% scans of 1 to 100 records, 5% inserts"),
	ycsb("f", ycsbF, "50% reads; 50% read a record and write it if it has not changed"),
}

// ycsb is the row of a workload of the Yahoo! Cloud Serving Benchmark.
func ycsb(letter string, m mix, does string) Row {
	takes := []string{"keys", "value-size", "dist", "async"}
	if m.modify > 0 {
		takes = takes[:3] // what is written depends on what was written before
	}
	return Row{
		Name: "ycsb-" + letter, Takes: takes, Defaults: m.defaults, Validate: m.validate, Start: m.start, Ranges: m.scans > 0,
		Does:  "YCSB " + strings.ToUpper(letter) + ": " + does + "; 1,000 records of one value of 1,000 bytes, zipfian",
		Keeps: "each read finds a value of its record, none older than an update acknowledged by then, and no record is missing",
	}
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
	if flag == "ttl" || flag == "at-once" {
		return fmt.Errorf("%w: --%s has no place in --workload %s: leave it out, or use --workload ttl", program.ErrConfig, flag, r.Name)
	}
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
		{"ttl", func() { w.TTL = own.TTL }},
		{"quota-bytes", func() { w.QuotaBytes = own.QuotaBytes }},
		{"quota-variables", func() { w.QuotaVariables = own.QuotaVariables }},
	} {
		if !given(field.flag) {
			field.copy()
		}
	}
}
