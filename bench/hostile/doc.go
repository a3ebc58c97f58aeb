// Package hostile attacks a group as broken and hostile clients do, and reports what clients
// that behave notice: their latencies in each attack, beside those of the quiet around it.
//
//	cfg := hostile.Defaults()
//	cfg.Attacks = []attack.Kind{attack.Idle, attack.Garbage}
//	report, err := hostile.Run(ctx, cfg, program.Env{Notices: os.Stderr})
//	if err == nil {
//		err = report.WriteText(os.Stdout)
//	}
//
// Nodes and attacks are children of the calling program: see package cluster. What an attack
// does is in package attack.
package hostile
