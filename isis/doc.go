// Package isis orders messages in a group: every member delivers the same
// messages in the same order, whoever sent them, and whoever crashes. It is the
// ABCAST of the ISIS system (Birman and Joseph, "Reliable Communication in the
// Presence of Failures", 1987; the order itself goes back to Skeen), with safe
// delivery as in Totem and Spread, and views as in virtual synchrony (Birman and
// Joseph, "Exploiting Virtual Synchrony in Distributed Systems", 1987).
//
// The package is a state machine. It does no I/O, reads no clock, starts no goroutine
// and takes no lock: its owner hands it what has arrived and does what it asks for.
// Equal inputs give equal outputs, so a simulation can run whole groups from one seed.
//
// # Order
//
// A view is an agreed list of members. In a view, a message takes these steps:
//
//   - PROPOSE: the sender proposes clock+1 as the message's priority, and sends the
//     message with it to all members.
//   - PROPOSAL: each receiver proposes clock+1 of its own, puts the message into its
//     hold-back queue with that priority, and answers.
//   - FINAL: when every member has proposed, the sender takes the maximum and sends
//     it to all. Receivers raise their clocks to it and re-queue the message.
//   - ACK: a member that holds FINALs acknowledges them to all others, with one counter
//     for each sender. Counters ride on any message to the same member. They go out at
//     once to members with messages of their own held back, and otherwise wait for a
//     message to ride on (AcksWait, SendAcks).
//   - HELD, STABLE: in a view of more than Config.DirectAcks members, a member
//     acknowledges a FINAL to its sender only (HELD). When all members hold it, the
//     sender announces that (STABLE).
//
// A member delivers the message at the head of its hold-back queue, which has the least
// (priority, sender id), once its priority is final. With safe delivery it also waits
// until every member is known to hold the FINAL. Safe delivery is uniform: if any member
// delivers a message, even one that crashes at once, all survivors deliver it in the same
// place. Agreed delivery (Config.Agreed) does not wait for the acknowledgements; its
// promise covers only what surviving members deliver.
//
// A message carries the commands that waited while the window of unfinished messages
// was full. Each command takes one position of the total order, from Config.Base + 1.
//
// # Views
//
// A registry decides who is a member. It is the only authority: it starts attempts and
// commits at most one of them after each view. It passes them to the members as often as
// it likes; the owner calls Wedge and Commit. A flush leads from one view to the next:
//
//   - FLUSH-STATE: on Wedge, a member of the base view stops taking part in it. It sends
//     the attempt's leader its position, its clock, and which messages it has not
//     delivered; with agreed delivery, also those whose FINAL not all members are known
//     to hold. To the other members it sends FLUSH.
//   - LEAN-CUT: the leader merges the states into the common end of the view. First come
//     the messages whose final priority any survivor knows, in the order of priorities. The
//     others follow by (rank, sequence): a lost member may have delivered one of the
//     first before one of the second, but never the other way round. The cut says who
//     holds each message's payload. (CUT is its form with payloads, see Attempt.Full.)
//   - FETCH, SUPPLY: a member lacks few payloads, and asks for those alone. Links are
//     FIFO: what a survivor has sent comes before its FLUSH, so only what is lacking after
//     that is fetched. What has come, in whole or in part, is kept until a view commits.
//   - CUT-ACK: a member stores the cut, with all payloads. When all members have done so,
//     the leader's Installed returns the attempt's id, which the owner reports to the
//     registry.
//   - COMMIT: on Commit, a member delivers the rest of the cut, enters the view and sends
//     COMMIT to its members. Any message of the new view proves the commit too, and so
//     does a Wedge based on that view.
//
// An attempt that fails leaves nothing behind but payloads: the next starts from the same
// states, and goes on with what it has been sent. So a flush ends on a link of any
// bandwidth, if attempts get longer. With a member of an earlier release (Attempt.Full), states
// and cuts carry payloads, and each attempt sends them anew.
// Messages of views and attempts that are not known yet are kept and taken in order.
//
// A node that is in no view observes. It loads the state of a donor, a member, as of a
// position (Observe). It applies what the donor delivers after that (Observed), and
// acknowledges a cut once it holds all that precedes the cut. If its donor is not among
// an attempt's members, it loads the state of another that is: with agreed delivery the
// order that it followed may be lost with the donor, and with safe delivery the donor may
// never reach the cut.
//
// A member that a view leaves out is Excluded and does nothing more. Its owner returns as
// a new incarnation, with a new Node.
//
// # Leases
//
// A member that answers reads from its own state must be in the newest view. It sends
// PROBE to all members (Probe), and each that is in the view and not wedged answers with
// VOUCH. No view can follow without a survivor that was wedged first. So when all have
// answered (Vouched), the member was in the newest view when it sent the probe.
//
// # What the caller provides
//
//   - Links that are reliable and FIFO between two incarnations for as long as both are
//     in a view or an attempt. A link may end, but not lose, repeat or reorder messages.
//     Messages of one incarnation reach no other.
//   - A registry that numbers views and attempts from one rising counter which never
//     repeats, keeps one chain of committed views, and commits an attempt only if it is
//     the one under way and its leader has reported it installed. It names all committed
//     views after a member's own to that member, in order.
//   - An application whose state is the sequence of its commands.
//
// # The loop
//
// One goroutine at a time owns the node, its application and its outgoing queues. In each
// turn it takes all that has arrived, and calls Ready once:
//
//	for in := range inbox { // all that has arrived since the turn before
//		for _, m := range in.Messages { // from the links
//			if err := node.Step(m.From, &m.Message); err != nil {
//				accuse(m.From, err) // report the peer to the registry
//			}
//		}
//		for _, d := range in.Directives { // from the registry, repeated ones too
//			if d.Excluded {
//				return errExcluded // start over as a new incarnation
//			}
//			for _, v := range d.Views {
//				if err := node.Commit(v); err != nil {
//					return err // start over as a new incarnation
//				}
//			}
//			node.Ease(d.Ease) // an attempt is due that need not be made at once
//			node.Pace(d.Pace > 0) // a joiner cannot keep up
//			if d.Attempt != nil {
//				node.Wedge(*d.Attempt)
//			}
//		}
//		if in.Loaded { // observing: the state of a donor
//			node.Observe(in.Position, in.Donor)
//		}
//		for _, d := range in.Stream { // observing: what the donor has delivered since
//			follows, err := node.Observed(d.View, d.First, d.Count)
//			if follows {
//				apply(d)
//			}
//			if err != nil {
//				loadAgain(err)
//			}
//		}
//		if in.AcksDue { // the timer has fired
//			node.SendAcks()
//		}
//		if in.CreditDue { // a part of the pace
//			node.Grant(in.Credit, most)
//		}
//		if in.ProbeDue {
//			node.Probe(nextProbe())
//		}
//		for _, c := range in.Commands { // from clients
//			if !node.Submit(c) {
//				refuse(c) // too many wait already
//			}
//		}
//
//		ready := node.Ready()
//		for i := range ready.Messages { // onto the queues of links, before the next Step
//			send(ready.Messages[i].To, &ready.Messages[i].Message)
//		}
//		flush() // the peers work while this node applies
//		for _, err := range ready.Rejected {
//			log(err)
//		}
//		for i := range ready.Deliveries {
//			apply(&ready.Deliveries[i]) // and answer the clients whose commands these were, if Own
//		}
//		for i := range ready.Entered {
//			keepLinksTo(ready.Entered[i].Members)
//		}
//		renewLease(node.Vouched())
//		if node.AcksWait() && !acksTimer.runs {
//			acksTimer.start(time.Millisecond)
//		}
//		if attempt := node.Installed(); attempt != reported { // at once, and with every heartbeat
//			report(node.View().ID, node.Attempt(), attempt, node.Position())
//		}
//	}
//
// Package internal/member runs this loop in a server and in the simulation of whole
// groups, and package isistest in tests of this package. A test compares all three.
package isis
