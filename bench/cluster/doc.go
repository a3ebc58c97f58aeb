// Package cluster starts and ends groups of nodes with their registry, and has their
// deliveries and their losses told.
//
// A [Group] is in this process. [Processes] are children of it, one for the registry and one
// for each node; [Breakable] are such processes with which things go wrong on purpose: they
// are killed, stopped, cut off and started again, as a [fault.Fault] says.
//
//	feeds := &cluster.Feeds{}
//	p, origin, err := cluster.StartProcesses(ctx, 3, cluster.Safe, env, feeds)
//	if err != nil {
//		return err
//	}
//	defer func() { err = errors.Join(err, p.Stop()) }()
//	handles, err := load.OpenNodeHandles(p.Addrs, 1)
//
// From the position origin on every node tells each delivery in its [Feed] of Feeds, in the
// order of its own. [Processes.Digests] audits the nodes; [Processes.Usages] asks what they
// have used. A node, or the registry, that ends although nobody wanted it to is a [Loss] on
// [LossFeed.Losses]; so is the state of the group, if it is gone.
//
// A child is the same program with [ChildCommand] as its first argument: its main calls
// [Child] with the arguments that follow. It tells its address in a line on stdout, obeys
// single bytes on stdin, and ends when that ends, so that no process outlives its parent. A
// [Process] is the parent's end of it.
//
// A [Follower] brings the deliveries of a group that somebody else has started.
package cluster
