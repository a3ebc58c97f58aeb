// Package attack does to nodes and a registry what broken and hostile clients do,
// at a cost that is small beside the servers':
//
//	a, err := attack.Start(ctx, attack.Config{Kind: attack.Idle, Nodes: addrs, Registry: addr, Conns: 10_000})
//	... // from here on it is under way
//	fmt.Println(a.Figures())
//	err = a.Close()
//
// It is for a process of its own: what it costs is then seen to be its own, and
// its connections count against its own limit of open files.
package attack
