// Package workload has the workloads of dsmbench: what clients ask a group for, and what must
// hold beside the checks of package check, which are made of every run.
//
// The [Table] has a [Row] for each. To add a workload, add a row and a file with its
// load.Chooser and its [Invariant]:
//
//	row, err := workload.Find("bank")
//	keys, invariant := row.Start(&cfg.Workload, prefix)
//	clients := load.NewClients(n, async, clock, keys, bookOf)
//	...
//	invariant.Order(&entry)     // each command of the order
//	invariant.Complete(&op)     // each operation, in the order in which they ended
//	invariant.Replica(&replica) // at the end, what each node holds at one position
//	result := invariant.Finish()
//
// An invariant is pure, and used by one goroutine at a time. It knows the promises of one
// workload only, such as the sum of all accounts, and neither trusts nor repeats what package
// check finds.
package workload
