// Package hostile attacks a group as broken and hostile clients do. It reports the latencies of
// well-behaved clients during each attack, and in the quiet phases around it.
//
//	cfg := hostile.Defaults()
//	cfg.Attacks = []attack.Kind{attack.Idle, attack.Garbage}
//	report, err := hostile.Run(ctx, cfg, program.Env{Notices: os.Stderr})
//	if err == nil {
//		err = report.WriteText(os.Stdout)
//	}
//
// Nodes and attacks are children of the calling program: see package cluster. Package attack
// has the attacks.
package hostile
