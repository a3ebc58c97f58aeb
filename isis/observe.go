package isis

import "fmt"

// Observe places a node that is in no view at the position of the state it has
// loaded, from where it follows the deliveries of donor, a member.
func (n *Node) Observe(position uint64, donor MemberID) {
	if n.phase != Observing {
		return
	}
	n.position = position
	n.donor = donor
}

// Observed takes a message as the donor delivered it, at the positions from
// first on. It tells whether the owner shall apply it: not when the node is in a
// view and no longer follows. An error wraps ErrProtocol: the message leaves a
// gap or repeats, and the owner must load the state again.
func (n *Node) Observed(first uint64, count uint32) (bool, error) {
	if n.phase != Observing {
		return false, nil
	}
	if first != n.position+1 {
		return false, fmt.Errorf("%w: donor sent position %d after %d", ErrProtocol, first, n.position)
	}
	n.position += uint64(count)
	return true, n.storeCut()
}
