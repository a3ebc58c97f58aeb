// Package cluster starts and stops groups of nodes with their registry, and reports their
// deliveries and losses.
//
// A [Group] runs in this process. [Processes] are child processes, one for the registry and one
// for each node. [Breakable] adds faults: it kills, pauses, cuts off and restarts such
// processes, as a [fault.Fault] says.
//
//	feeds := &cluster.Feeds{}
//	p, origin, err := cluster.StartProcesses(ctx, 3, cluster.Settings(cluster.Safe), env, feeds)
//	if err != nil {
//		return err
//	}
//	defer func() { err = errors.Join(err, p.Stop()) }()
//	handles, err := load.OpenNodeHandles(p.Addrs, 1)
//
// Each node sends its deliveries after the position origin to its [Feed] of Feeds, in its own
// order. [Processes.Digests] compares the nodes' states, and [Processes.Usages] returns the
// resources that they have used. If a node or the registry ends by itself, or if the state of the
// group is lost, [LossFeed.Losses] has a [Loss].
//
// A child is the same program with [ChildCommand] as its first argument: its main calls [Child]
// with the arguments that follow. The child prints its address on stdout, obeys single bytes on
// stdin, and ends when stdin ends, so that no child outlives its parent. A [Process] is the
// parent's end of a child.
//
// A [Follower] reads the deliveries of a group that another process has started.
package cluster
