// Package isis orders messages in a group: every member delivers the same
// messages in the same order, whoever sent them, and whoever crashes. It is the
// ABCAST of the ISIS system (Birman and Joseph, "Reliable Communication in the
// Presence of Failures", 1987; the order itself goes back to Skeen), with safe
// delivery as in Totem and Spread, and views as in virtual synchrony (Birman and
// Joseph, "Exploiting Virtual Synchrony in Distributed Systems", 1987).
//
// The package is a state machine. It does no I/O, asks no clock, starts no
// goroutine and takes no lock: its owner hands it what arrives and does what it
// asks for. So equal inputs give equal outputs, and a simulation can run whole
// groups from one seed.
//
// # Order
//
// A view is an agreed list of members. In a view, a message takes these steps:
//
//   - PROPOSE: its sender proposes clock+1 as the message's priority, and sends
//     both to all.
//   - PROPOSAL: each receiver proposes clock+1 of its own, puts the message into
//     its hold-back queue under it, and answers.
//   - FINAL: with a proposal of every member, the sender takes the maximum and
//     sends it to all. They raise their clocks to it and re-queue the message.
//   - ACK: who holds FINALs tells the others, by a counter for each sender.
//     Counters ride on whatever goes to the same member, go out at once to
//     members with messages of their own held back, and wait for company
//     otherwise (AcksWait, SendAcks). In a view of more than Config.DirectAcks
//     members who holds a FINAL tells its sender alone (HELD), and the sender tells
//     the others once all hold it (STABLE).
//
// Delivery is from the head of the hold-back queue, the least (priority, sender
// id), once that is final and, with safe delivery, once every member is known to
// hold its FINAL. Safe delivery is uniform: what any member delivers, even one
// that crashes at once, all that live deliver in the same place. Agreed delivery
// (Config.Agreed) does not wait for the acknowledgements, and promises that of
// members that survive only.
//
// A message carries the commands that waited while the window of unfinished
// messages was full. Each command takes one position of the total order, from Config.Base + 1.
//
// # Views
//
// Who is a member is not decided here but by a registry, the only authority: it
// starts attempts, commits at most one of them after each view, and says so to
// the members by Wedge and Commit, as often as it likes. A flush leads from view
// to view:
//
//   - Wedge: a member of the base view stops taking part in it, and sends the
//     attempt's leader its FLUSH-STATE: its position, its clock, and every
//     message that it has not delivered (with agreed delivery: whose FINAL not all
//     are known to hold).
//   - CUT: the leader merges the states into the common end of the view. First
//     come the messages whose final priority any survivor knows, by it; then all
//     others, by (rank, sequence), since a lost member may have delivered any of
//     the first before any of the second, but never the other way round.
//   - CUT-ACK: a member stores the cut. When all have, the leader's Installed is
//     the attempt's id, for the owner to report to the registry.
//   - Commit: the registry has committed the view. A member delivers what it had
//     not delivered of the cut, enters the view, and passes COMMIT on. Any message
//     of the new view says the same, and so does a Wedge based on it.
//
// An attempt that fails leaves nothing behind: the next starts from the same
// unchanged states. Messages of views and attempts that are not known here yet
// are kept and taken in order.
//
// A node that is no member observes: it loads the state of a donor, a member, as
// of a position (Observe), applies what the donor delivers from there on
// (Observed), and acknowledges a cut once it holds all that precedes it. If its
// donor is not among an attempt's members, it loads the state of one that is:
// with agreed delivery it must, since the donor's order may be lost with it, and
// with safe delivery the donor may never come to the cut. A member that learns of
// a view without it is Excluded; it returns as a new incarnation, with a new Node.
//
// # What the caller provides
//
//   - Links that are reliable and FIFO between two incarnations, for as long as
//     both are in a view or an attempt: they may end, but not lose, repeat or
//     reorder. Messages of an incarnation reach no other.
//   - A registry that numbers views and attempts from one rising counter which
//     never repeats, keeps one chain of committed views, commits only an attempt
//     that its leader has reported installed and only the one under way, and tells
//     each member all committed views after its own, in order.
//   - An application whose state is the sequence of its commands.
//
// # The loop
//
// One goroutine owns the node, its application and its outgoing queues. In each
// turn it takes what has arrived and calls Ready once:
//
//	for {
//		select {
//		case m := <-inbox: // from the links: then as much as is there
//			for more := true; more; m, more = inbox.tryReceive() {
//				if err := node.Step(m.From, &m.Message); err != nil {
//					cutLink(m.From, err) // and report the peer
//				}
//			}
//		case c := <-commands: // from clients; refused: answer that the node is busy
//			accepted := node.Submit(c)
//			...
//		case d := <-registry: // every directive, also those seen before
//			for _, v := range d.Views {
//				if err := node.Commit(v); err != nil {
//					return startOver(err) // as a new incarnation
//				}
//			}
//			if d.Attempt != nil {
//				node.Wedge(*d.Attempt)
//			}
//		case d := <-stream: // observing: what the donor delivered
//			apply, err := node.Observed(d.View, d.First, d.Count)
//			if err != nil {
//				loadAgain() // and node.Observe(position, donor)
//			}
//			...
//		case <-acksTimer:
//			node.SendAcks()
//		case <-heartbeat:
//			report(node.View().ID, node.Attempt(), node.Installed(), node.Position())
//		}
//
//		ready := node.Ready()
//		for _, e := range ready.Messages {
//			encode(e.To, &e.Message) // onto the queue of a link, before the next Step
//		}
//		for _, d := range ready.Deliveries {
//			apply(d) // and answer the clients whose commands these were, if d.Own
//		}
//		for _, v := range ready.Entered {
//			keepLinksTo(v.Members)
//		}
//		if ready.Installed != 0 {
//			reportAtOnce(ready.Installed) // and with every heartbeat until a view commits
//		}
//		for _, err := range ready.Rejected {
//			log(err)
//		}
//		if node.AcksWait() {
//			acksTimer.Reset(time.Millisecond) // unless it runs
//		}
//		if node.Phase() == isis.Excluded {
//			return startOver(nil)
//		}
//	}
//
// The package's example is such a loop for three members in one process.
package isis
