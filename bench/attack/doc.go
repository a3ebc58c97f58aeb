// Package attack attacks nodes and a registry as broken and hostile clients do. An attack costs
// little CPU time compared with the servers:
//
//	a, err := attack.Start(ctx, attack.Config{Kind: attack.Idle, Nodes: addrs, Registry: addr, Conns: 10_000})
//	... // the attack is under way
//	fmt.Println(a.Figures())
//	err = a.Close()
//
// Run it in a separate process, so that its CPU time is measured apart and its connections count
// against its own limit of open files.
package attack
