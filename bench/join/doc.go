// Package join measures the cost of a join under load: a node joins a group that is full of
// variables. The report has the rate of acknowledged writes and the live heaps of the members
// over time.
//
//	cfg := join.Defaults()
//	cfg.Size = 16 << 20
//	report, err := join.Run(ctx, cfg, program.Env{Notices: os.Stderr})
//	if err == nil {
//		err = report.WriteText(os.Stdout)
//	}
//
// The group's nodes are children of the calling program: see package cluster.
package join
