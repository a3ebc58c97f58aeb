// Package fault describes which faults to inject into a group, and when.
//
// A [Schedule] is written as a list of faults, separated by commas. Each has a kind, a target, a
// time and a duration:
//
//	kill:NODE@T       kill -9, for good; kill:n1+n2+n3@T kills several at once
//	kill:NODE@T+D     likewise, and start again after D
//	leave:NODE@T      leave the group, as its last member too, and end, for good
//	leave:NODE@T+D    likewise, and start again after D
//	restart:NODE@T    restart a node that is gone: same id and identity, new address
//	pause:NODE@T+D    stop the process (SIGSTOP) for D; pause:n1+n2@T+D stops several
//	cut:A-B@T+D       nothing passes between A and B for D
//	cut:A>B@T+D       nothing passes from A to B; what B sends to A does
//	cut:A@T+D         nothing passes between A and any other node or the registry; clients reach A
//	reset:A-B@T       the connections between A and B break
//	slow:A-B@T+D=R    the link between A and B carries at most R in each direction for D
//	slow:A>B@T+D=R    likewise from A to B; the way back is as fast as ever
//	slow:A@T+D=R      the port of A carries at most R in each direction: all that passes between
//	                  A and any other node or the registry shares it; clients reach A as ever
//	slow@T+D=R        each link between two nodes carries at most R in each direction
//	registry@T+D      kill -9 the registry, and start it again after D where it was
//	registry@T        likewise, for as long as the load lasts
//	diskfull@T+D      what the registry writes to its disk fails for D
//
// A NODE is n1, n2 and so on; A and B may be the registry too. T and D are like 3s,
// 500ms and 1m30s, R is like 3MiB/s or 300KiB/s. T counts from the end of the warm-up. [Parse] reads a schedule, its String
// method writes it, and [Random] draws one.
//
// This package only describes faults. Package cluster injects them.
package fault
