// Package curve measures how a group's figures change when one thing changes: the number of
// its nodes, of clients or of variables, or the size of values. Every point is a run of package
// bench, with all its checks.
//
//	cfg := curve.Defaults()
//	cfg.Dimension, cfg.Rounds = curve.Nodes, 3
//	report, err := curve.Run(ctx, cfg, program.Env{Notices: os.Stderr})
//	if err == nil {
//		err = report.WriteText(os.Stdout) // or WriteJSON
//	}
package curve
