// Package idle measures what an idle node costs: CPU time, wake-ups, memory.
//
//	report, err := idle.Run(ctx, idle.Defaults(), program.Env{Notices: os.Stderr})
//	if err == nil {
//		err = report.WriteText(os.Stdout)
//	}
//
// The nodes are children of the calling program: see package cluster.
package idle
