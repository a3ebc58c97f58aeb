package isis

import "fmt"

// Observe places a node that is in no view at the position of the state it has
// loaded, from where it follows the deliveries of donor, a member.
//
// Loading a state anew takes back what the node has acknowledged: if that
// attempt commits before the node has caught up with its cut again, Commit
// returns ErrMissedView.
func (n *Node) Observe(position uint64, donor MemberID) {
	if n.phase != Observing {
		return
	}
	n.position = position
	n.donor = donor
	n.flush.acked = false
	n.findLacking()
	n.storeCut()
}

// Observed takes a message as the donor delivered it: in which view, and at the
// positions from first on. It tells whether the owner shall apply it. It shall
// not when the node is in a view, whose messages come from its members: a donor
// that delivers in the view whose cut is acknowledged here proves its commit,
// and may do so before any member's message or the registry's word arrives.
//
// An error wraps ErrProtocol: the message leaves a gap or repeats, and the owner
// must load the state again.
func (n *Node) Observed(view, first uint64, count uint32) (bool, error) {
	if n.phase != Observing || n.provesCommit(view) {
		return false, nil
	}
	if first != n.position+1 {
		return false, fmt.Errorf("%w: donor sent position %d after %d", ErrProtocol, first, n.position)
	}
	n.position += uint64(count)
	n.storeCut()
	return true, nil
}

// CutAcknowledged tells that the node has acknowledged the cut of the attempt
// under way, which may commit at any moment. A joiner holds all it needs then,
// and had better not load a state anew.
func (n *Node) CutAcknowledged() bool { return n.flush.acked }
