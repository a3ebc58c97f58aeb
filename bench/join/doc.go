// Package join has a node join a full group that is written to, and reports what that costs:
// how the rate of acknowledged writes and the live heaps of the members went.
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
